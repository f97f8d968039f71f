"""One Event for each transition, none for figures, and none twice."""

import copy

import pytest
from support.run_bodies import tasks
from unit_operator.builders import KUBERNETES, a_body, disrupted, ended, rejected
from unit_operator.story import Story

from collectiverun_operator.api.status_json import read_status
from collectiverun_operator.errors import Fault
from collectiverun_operator.plan.events import transitions

QUICK = {"retries": {"application": 1, "infrastructure": 2, "backoffSeconds": 0}}
# An application failure that spends the member's only retry is one of these, a fatal one is not.
FATAL = ended(3, "params.totalEnvSteps is negative")


class Told(Story):
    """A story that keeps every Event as the operator would post it."""

    def __init__(self, **spec):
        super().__init__(**spec)
        self.events = []

    def round(self):
        before = copy.deepcopy(self.body.get("status") or {})
        planned = super().round()
        self.events += transitions(read_status(before), planned.status)
        return planned

    def reasons(self):
        return [event.reason for event in self.events]

    def only(self, reason):
        (event,) = [event for event in self.events if event.reason == reason]
        return event


def told(before, after):
    """The Events between two statuses as JSON."""
    return transitions(read_status(before), read_status(after))


def test_a_run_that_goes_well_tells_each_phase_once():
    story = Told(tasks=tasks("reach", "push"), runPolicy=QUICK).settle().finish()
    assert story.reasons() == [
        "Accepted",
        *["PhaseStarted", "PhaseSucceeded"] * 4,
        "Complete",
    ]
    assert story.events[1].message == "phase experts begins: 2 members"
    assert story.events[-1].message == "all phases succeeded: 5/5 members"
    assert {event.type for event in story.events} == {"Normal"}


def test_a_retry_says_whose_kind_and_why():
    story = Told(runPolicy=QUICK).settle().fail(ended(137, reason="OOMKilled"))
    event = story.only("MemberRetried")
    assert event.type == "Warning"
    assert (event.phase, event.member) == ("experts", "reach-v3-sawyer")
    assert "attempt 1" in event.message
    assert "application retry 1: OOMKilled" in event.message


def test_a_disruption_is_told_as_the_infrastructures():
    story = Told(runPolicy=QUICK).settle().fail(ended(143, **disrupted("EvictionByEvictionAPI")))
    assert "infrastructure retry 1: EvictionByEvictionAPI" in story.only("MemberRetried").message


def test_a_member_that_failed_for_good_and_the_run_with_it_are_warnings():
    story = Told(runPolicy=QUICK).settle().fail(FATAL)
    assert story.reasons()[-2:] == ["MemberFailed", "Failed"]
    assert all(event.type == "Warning" for event in story.events[-2:])
    assert "params.totalEnvSteps is negative" in story.only("MemberFailed").message
    assert "MemberRetried" not in story.reasons()


def test_a_new_retry_token_is_told_as_a_reopening():
    story = Told(runPolicy=QUICK).settle().fail(FATAL).change(retryToken="again")
    assert "phase experts" in story.only("Reopened").message
    assert "MemberRetried" not in story.reasons()


def test_suspending_suspended_and_resumed_are_told_once_each():
    story = Told().settle().start().change(suspend=True)
    assert story.reasons()[-1] == "Suspending"
    for uid in story.pods("Running"):
        story.cluster.end(uid, ended(143))
    story.cluster.control(story.now)
    story.settle()
    assert story.reasons()[-1] == "Suspended"
    story.change(suspend=False)
    assert story.reasons()[-3:] == ["Suspending", "Suspended", "Resumed"]


def test_a_suspended_run_that_fails_is_not_called_resumed():
    story = Told(tasks=tasks("reach", "push"), runPolicy=QUICK).settle().start().change(suspend=True)
    first, second = story.pods("Running")
    story.cluster.end(first, FATAL)
    story.cluster.end(second, ended(143))
    story.cluster.control(story.now)
    story.settle()
    assert "Resumed" not in story.reasons()


def test_a_queue_that_holds_all_jobs_is_told_when_it_does_and_when_it_does_not():
    story = Told()
    story.cluster.holds_new_jobs = True
    story.settle()
    assert story.reasons().count("Queued") == 1
    for name in list(story.cluster.jobs):
        story.cluster.admit(name)
    story.settle()
    assert story.reasons()[-1] == "Admitted"


def test_figures_are_no_transition():
    before = Told().settle().start().body["status"]
    after = copy.deepcopy(before)
    after["phases"][0]["members"][0] |= {"envSteps": 5000, "success": {"anyStep": 0.5, "atEnd": 0.5}}
    after |= {"etaSeconds": 12, "bestSuccess": {"anyStep": 0.5, "atEnd": 0.5}}
    assert told(before, after) == []


def test_a_rejection_carries_its_reason_and_is_told_again_only_when_it_says_something_else():
    body = a_body()
    first = rejected(body, Fault("spec.tasks", "is required"))
    (event,) = told({}, first)
    assert (event.type, event.reason, event.message) == (
        "Warning",
        "InvalidSpec",
        "spec.tasks: is required",
    )
    again = rejected(body | {"status": first}, Fault("spec.tasks", "is required"))
    assert told(first, again) == []
    other = rejected(body | {"status": first}, Fault("spec.seed", "is negative"))
    assert [event.message for event in told(first, other)] == ["spec.seed: is negative"]


@pytest.mark.parametrize("reason", ["InvalidSpec", "InvalidPodTemplate"])
def test_a_rejected_run_that_was_put_right_is_told_as_accepted_and_not_as_resumed(reason):
    story = Told(
        platform=KUBERNETES,
        metadata={"uid": "u"},
        storage={"uri": "s3://bucket/p", "credentials": {"secretRef": {"name": "s3"}}},
    )
    story.body["status"] = rejected(story.body, Fault("spec.podTemplate", "is refused"), reason=reason)
    story.settle()
    assert story.reasons() == ["Accepted", "PhaseStarted"]
