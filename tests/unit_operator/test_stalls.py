"""Members that run and do not get on: said once, and tried again if that is asked for."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.run_bodies import tasks
from unit_operator.builders import NOON, later
from unit_operator.story import Story

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.api.run import parse_run
from collectiverun_operator.api.trainer_report import newest_progress
from collectiverun_operator.plan.events import transitions

SAID = Progress(env_steps=500, fraction=0.1, activity="training")


def running(**policy):
    story = Story(tasks=tasks("reach", "push"), runPolicy=policy).settle().start()
    story.cluster.progress = {name: SAID.after(None, story.now) for name in story.cluster.jobs}
    return story


def move(story, name, steps):
    said = story.cluster.progress[name]
    story.cluster.progress[name] = Progress(steps, fraction=0.2, activity="training").after(said, story.now)


def test_progress_is_as_old_as_the_place_it_is_at():
    again = Progress(500, fraction=0.1, activity="training", env_steps_per_second=9.0)
    first = SAID.after(None, NOON)
    assert again.after(first, later(60)).since == NOON
    assert Progress(501, fraction=0.1, activity="training").after(first, later(60)).since == later(60)


def test_silence_is_no_progress_and_takes_nothing_back():
    assert Progress().after(None, NOON).is_silent
    assert not SAID.is_silent
    story = running()
    story.settle()
    assert story.member()["envSteps"] == 500
    story.cluster.progress = {name: Progress().after(None, NOON) for name in story.cluster.jobs}
    assert story.settle().member()["envSteps"] == 500


def test_without_the_setting_nobody_is_called_stalled():
    story = running()
    story.wait(10**6)
    assert story.condition("Running") == ("True", "PhaseActive")


def test_a_member_that_stands_still_is_told_once_and_taken_back_when_it_moves():
    story = running(stallSeconds=600)
    slow, quick = story.cluster.jobs
    assert story.plan().requeue_after_seconds == pytest.approx(600)
    story.now += timedelta(seconds=599)
    move(story, quick, 900)
    assert story.settle().condition("Running") == ("True", "PhaseActive")
    before = parse_run(story.body, story.platform).status
    story.now += timedelta(seconds=1)
    (event,) = transitions(before, story.plan().status)
    assert (event.type, event.reason) == ("Warning", "Stalled")
    assert "member reach-v3-sawyer has made no progress since 2026-01-31T12:00:00Z" in event.message
    assert "push" not in event.message
    told = story.settle().status
    assert story.condition("Running") == ("True", "Stalled")
    assert story.wait(100).status == told
    move(story, slow, 700)
    move(story, quick, 1700)
    assert story.settle().condition("Running") == ("True", "PhaseActive")
    assert story.status["retries"] == 0


def test_one_that_is_to_be_tried_again_is_stopped_for_an_infrastructure_retry():
    story = running(stallSeconds=600, stallAction="Retry", retries={"backoffSeconds": 0})
    slow, quick = story.cluster.jobs
    story.now += timedelta(seconds=600)
    move(story, quick, 900)
    story.settle()
    assert story.member(0)["infrastructureRetries"] == 1
    assert "deletionTimestamp" in story.cluster.jobs[slow]["metadata"]
    assert "deletionTimestamp" not in story.cluster.jobs[quick]["metadata"]
    failure = story.status["lastFailure"]
    assert (failure["kind"], failure["reason"]) == ("infrastructure", "Stalled")


def test_a_member_whose_log_cannot_be_read_is_not_accused():
    story = running(stallSeconds=600, stallAction="Retry")
    story.cluster.progress = {}
    story.wait(10**6)
    assert story.condition("Running") == ("True", "PhaseActive")
    assert story.status["retries"] == 0


FULL = "Storage failed at file:///data: No space left on device; it is tried again for up to 300 s."


def logged(kind, **fields):
    return json.dumps({"kind": kind, **fields}).encode()


RETRIED = logged("log", level="warning", message=FULL, retrying=True)
WORKS = logged("log", level="info", message="Storage works again.")
ON = logged("progress", envSteps=600, fraction=0.12)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([RETRIED], FULL),
        ([ON, RETRIED, logged("metrics"), b"a library's word"], FULL),
        ([RETRIED, WORKS], ""),
        ([RETRIED, ON], ""),
        ([logged("log", level="warning", message="no films")], ""),
        ([logged("log", message={"a": 1}, retrying="yes")], ""),
    ],
)
def test_what_is_tried_again_is_the_newest_word_of_the_trainer(lines, told):
    assert newest_progress(lines, SAID).retrying == told


def test_what_is_tried_again_stays_until_the_trainer_says_more():
    waits = newest_progress([RETRIED], SAID)
    assert newest_progress([logged("metrics")], waits) == waits
    assert (waits.env_steps, newest_progress([RETRIED], None).is_silent) == (500, True)


def test_a_member_whose_storage_is_tried_again_is_told_with_the_reason_until_it_goes_on():
    story = running()
    slow, _ = story.cluster.jobs
    before = parse_run(story.settle().body, story.platform).status
    story.cluster.progress[slow] = replace(story.cluster.progress[slow], retrying=FULL)
    (event,) = transitions(before, story.plan().status)
    assert (event.type, event.reason) == ("Warning", "Retrying")
    told = story.settle().message("Running")
    assert told == f"phase experts: 2 of 2 members run: member reach-v3-sawyer waits: {FULL}"
    assert story.condition("Running") == ("True", "Retrying")
    move(story, slow, 700)
    assert story.settle().condition("Running") == ("True", "PhaseActive")


def test_of_many_members_that_wait_the_first_are_told():
    names = ("reach", "push", "drawer-open", "drawer-close", "door-open")
    story = Story(tasks=tasks(*names)).settle().start()
    story.cluster.progress = {name: Progress(retrying=FULL).after(None, NOON) for name in story.cluster.jobs}
    told = story.settle().message("Running")
    assert (told.count(FULL), told.endswith("; and 2 more members wait")) == (3, True)
    assert [member["state"] for member in story.phase("experts")["members"]] == ["Running"] * 5
