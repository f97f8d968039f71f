"""Finished runs are frozen; Jobs go when their phase is done, the run when its time is over."""

import pytest
from support.run_bodies import tasks
from unit_operator.builders import ended
from unit_operator.story import Story, created, deleted

from collectiverun_operator.plan.plan import DeleteJob, DeleteRun


def test_a_finished_run_creates_nothing_whatever_is_deleted():
    story = Story().settle().finish()
    story.cluster.jobs.clear()
    story.cluster.pods.clear()
    assert story.plan().actions == ()
    assert story.planned_status() == story.status


@pytest.mark.parametrize(
    "change",
    [{"suspend": True}, {"seed": 2}, {"tasks": tasks("push")}, {"phases": {"students": {"enabled": True}}}],
    ids=["suspended", "another seed", "another task", "another phase"],
)
@pytest.mark.parametrize("ending", ["Complete", "Failed"])
def test_a_finished_run_stays_as_it_is_when_its_spec_changes(ending, change):
    story = Story().settle()
    story.finish() if ending == "Complete" else story.fail(ended(3))
    before = story.status
    story.change(**change)
    assert story.status == before | {"observedGeneration": 2}
    assert story.status["state"] == ending


def test_a_job_that_turns_up_after_the_end_is_deleted():
    story = Story().settle().fail(ended(3))
    again = Story().settle().start()
    story.cluster.jobs, story.cluster.pods = again.cluster.jobs, again.cluster.pods
    assert deleted(story.plan()) == again.cluster.created
    assert created(story.plan()) == []


def test_succeeded_jobs_go_when_their_phase_is_done():
    story = Story(tasks=tasks("reach", "push")).settle().start()
    story.cluster.succeed(story.pods("Running")[0])
    story.settle()
    assert len(story.cluster.jobs) == 2
    story.succeed()
    assert [name.split("-")[1] for name in story.cluster.jobs] == ["encode"]


def test_nobody_waits_for_the_deletion_of_a_job_whose_pod_succeeded():
    story = Story().settle().start()
    story.cluster.succeed(story.pods("Running")[0])  # the Job controller has not called the Job complete yet
    deletions = [action for action in story.plan().actions if isinstance(action, DeleteJob)]
    assert [action.is_finished for action in deletions] == [True]


def test_the_deletion_of_a_job_that_still_runs_waits_for_its_pod():
    story = Story().settle().start()
    story.body["spec"]["suspend"] = True
    deletions = [action for action in story.plan().actions if isinstance(action, DeleteJob)]
    assert [action.is_finished for action in deletions] == [False]


def test_succeeded_jobs_stay_if_asked_to():
    story = Story(runPolicy={"cleanup": {"succeededJobs": "Retain"}}).settle().finish()
    assert len(story.cluster.jobs) == 4


def test_the_job_of_the_last_phase_goes_too():
    story = Story().settle().finish()
    assert story.cluster.jobs == {}


def test_failed_jobs_stay_as_evidence():
    story = Story().settle().fail(ended(1)).wait(10).finish()
    assert [name[-2:] for name in story.cluster.jobs] == ["-1"]


@pytest.mark.parametrize("ending", ["Complete", "Failed"])
def test_a_finished_run_goes_when_its_time_is_over(ending):
    story = Story(runPolicy={"ttlSecondsAfterFinished": 60}).settle()
    story.finish() if ending == "Complete" else story.fail(ended(3))
    assert story.plan().requeue_after_seconds == 60
    story.wait(59)
    assert story.plan().actions == ()
    story.now = story.now.replace(minute=1, second=0)
    action = story.plan().actions[-1]
    assert isinstance(action, DeleteRun)
    assert (action.namespace, action.name) == ("default", "demo")


def test_without_a_time_to_live_a_finished_run_stays():
    story = Story().settle().finish()
    story.now = story.now.replace(year=2036)
    assert (story.plan().actions, story.plan().requeue_after_seconds) == ((), None)
