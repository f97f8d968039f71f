"""People who do by hand what only controllers do, and clocks that are put back: told, and the run goes on."""

from datetime import timedelta

import pytest
from support.run_bodies import tasks
from unit_operator.builders import ended
from unit_operator.story import Story

from collectiverun_operator.api import labels
from collectiverun_operator.api.outcome import JOB_REFUSED, Holdup


def orphaned(story):
    """`kubectl delete job --cascade=orphan`: the Pod runs on."""
    story.cluster.jobs.clear()


def unlabelled(story):
    """`kubectl label job … collectiverl.io/phase-`: nobody finds the Job by its labels any more."""
    (job,) = story.cluster.jobs.values()
    del job["metadata"]["labels"][labels.PHASE]


def running(story):
    return next(found for found in story.status["conditions"] if found["type"] == "Running")


@pytest.mark.parametrize("meddle", [orphaned, unlabelled])
def test_a_pod_that_runs_on_without_its_job_is_named_and_counts_if_it_succeeds(meddle):
    story = Story().settle().start()
    (uid,) = story.pods("Running")
    meddle(story)
    story.settle().wait(3600)
    name = story.cluster.pods[uid]["metadata"]["name"]
    assert f"member {story.member()['name']} waits for Pod {name} of attempt 1" in running(story)["message"]
    assert "or delete it" in running(story)["message"]
    story.cluster.lose(uid)
    assert story.settle().member()["attempt"] == 2
    assert "waits for Pod" not in running(story)["message"]


def test_a_wait_that_was_set_before_the_clock_was_put_back_is_not_waited_for():
    story = Story().settle().fail(ended(1))
    assert story.member()["nextAttemptTime"]
    story.now -= timedelta(hours=1)
    assert story.settle().member()["attempt"] == 2


def test_a_wait_that_may_be_true_is_waited_for_though_the_clock_was_put_back_a_little():
    story = Story().settle().fail(ended(1))
    story.now -= timedelta(seconds=30)
    assert story.settle().member()["attempt"] == 1
    assert story.plan().requeue_after_seconds == 40
    assert story.wait(40).member()["attempt"] == 2


def test_the_active_time_stands_still_while_the_clock_is_behind_its_beginning():
    story = Story(runPolicy={"activeDeadlineSeconds": 1800}).settle().start().wait(60)
    story.now -= timedelta(hours=1)
    story.settle().wait(3600)
    assert story.status["state"] == "Running"
    assert story.wait(1800).status["lastFailure"]["reason"] == "DeadlineExceeded"


def refused_after_a_failure(sentence):
    """The first attempt failed, and the Job of the next is refused."""
    story = Story().settle()
    (failed,) = story.cluster.created
    story.fail(ended(1))
    story.cluster.refuses_jobs = True
    story.cluster.holdups = {f"{failed[:-1]}2": Holdup(JOB_REFUSED, sentence)}
    story.now += timedelta(seconds=60)
    story.round()  # it is tried again and again, so nothing settles
    return story, failed


def test_a_quota_that_is_full_of_failed_jobs_names_them_and_they_stay():
    story, failed = refused_after_a_failure("exceeded quota: few, requested: count/jobs.batch=1")
    assert story.condition("Running") == ("False", JOB_REFUSED)
    told = f"Jobs that ended and are kept count too, and may be deleted with their logs: {failed}"
    assert story.message("Running").endswith(told)
    assert failed in story.cluster.jobs
    del story.cluster.jobs[failed]  # somebody does so
    story.cluster.refuses_jobs, story.cluster.holdups = False, {}
    assert story.settle().start().member()["state"] == "Running"
    assert story.member()["attempt"] == 2


def test_a_refusal_that_is_no_quotas_names_no_jobs():
    story, _ = refused_after_a_failure("admission webhook denied the request")
    assert story.condition("Running") == ("False", JOB_REFUSED)
    assert "kept" not in story.message("Running")


@pytest.mark.parametrize(("kept", "left"), [("AfterPhase", 1), ("Retain", 2)])
def test_finished_jobs_make_room_for_those_that_a_quota_refuses(kept, left):
    story = Story(tasks=tasks("reach", "push"), runPolicy={"cleanup": {"succeededJobs": kept}}).settle()
    first, second = story.cluster.created
    story.cluster.holdups[second] = Holdup(JOB_REFUSED, "exceeded quota: count/jobs.batch=1")
    story.start().cluster.succeed(story.cluster.pods_of(first)[0]["metadata"]["uid"])
    story.cluster.control(story.now)
    assert len(story.settle().cluster.jobs) == left
    assert story.member()["state"] == "Succeeded"
