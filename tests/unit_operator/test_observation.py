"""What of the cluster's Jobs and Pods belongs to a run, and to which attempt."""

import pytest
from unit_operator.builders import NOON, a_job, a_manifest, a_pod, a_run, ended, later, running

from collectiverun_operator.api.outcome import Active
from collectiverun_operator.formatting import format_time
from collectiverun_operator.plan.observation import AttemptKey
from collectiverun_operator.plan.observing import observe

RUN = a_run()
JOB = a_job(a_manifest(RUN, "experts"))
KEY = AttemptKey("experts", "reach-v3-sawyer", 1)


def only(jobs, pods, progress=None):
    observed = observe(jobs, pods, progress)
    assert list(observed.attempts) == [KEY]
    return observed.attempts[KEY]


def deleted(document, **more):
    mark = {"deletionTimestamp": "2026-01-31T12:00:00Z"} | more
    return document | {"metadata": document["metadata"] | mark}


def test_a_job_and_its_pod_are_one_attempt():
    seen = only([JOB], [a_pod(JOB, **running())], {JOB["metadata"]["name"]: {"envSteps": 5}})
    assert (seen.job.uid, seen.pods[0].uid, seen.pods[0].outcome) == ("job-1", "pod-1", Active("Running"))
    assert seen.progress == {"envSteps": 5}


def test_a_pod_without_its_job_is_still_there():
    seen = only([], [a_pod(JOB)])
    assert (seen.job, len(seen.pods)) == (None, 1)


@pytest.mark.parametrize(
    "labels",
    [None, {}, {"app": "other"}, {"collectiverl.io/phase": "experts", "collectiverl.io/member": "a"}],
)
def test_what_is_not_labelled_as_ours_is_left_out(labels):
    assert observe([{"metadata": {"name": "x", "labels": labels}}], []).attempts == {}


def test_a_job_the_queue_holds_is_held():
    assert only([JOB | {"spec": JOB["spec"] | {"suspend": True}}], []).job.is_held


@pytest.mark.parametrize(
    ("conditions", "finished"),
    [
        ([], False),
        ([{"type": "Complete", "status": "True"}], True),
        ([{"type": "Failed", "status": "True"}], True),
        ([{"type": "Failed", "status": "False"}], False),
        ([{"type": "Suspended", "status": "True"}], False),
    ],
)
def test_a_job_is_finished_when_its_controller_says_so(conditions, finished):
    assert only([a_job(a_manifest(RUN, "experts"), conditions=conditions)], []).job.is_finished is finished


def test_the_oldest_pod_comes_first():
    pods = [a_pod(JOB, "b", later(5)), a_pod(JOB, "a", later(9)), a_pod(JOB, "c", NOON)]
    assert [pod.uid for pod in only([JOB], pods).pods] == ["c", "b", "a"]


OCCUPYING = {
    "a Job before its Pod": ([JOB], [], True),
    "a pending Pod": ([JOB], [a_pod(JOB)], True),
    "a running Pod": ([JOB], [a_pod(JOB, **running())], True),
    "an ended Pod of a Job that may make another": ([JOB], [a_pod(JOB, **ended(1))], True),
    "an ended Pod without its Job": ([], [a_pod(JOB, **ended(1))], False),
    "a running Pod without its Job": ([], [a_pod(JOB, **running())], True),
    "a Job that is being deleted": ([deleted(JOB)], [], True),
    "a finished Job": ([a_job(JOB, conditions=[{"type": "Failed", "status": "True"}])], [], False),
    "nothing": ([], [], False),
}


@pytest.mark.parametrize(("jobs", "pods", "occupying"), OCCUPYING.values(), ids=OCCUPYING.keys())
def test_what_may_still_do_something_occupies_its_member(jobs, pods, occupying):
    seen = observe(jobs, pods).attempt("experts", "reach-v3-sawyer", 1)
    assert seen.occupies(later(1)) is occupying


@pytest.mark.parametrize(("seconds", "occupying"), [(1, True), (89, True), (90, False)])
def test_a_terminating_pod_occupies_for_its_grace_and_a_minute(seconds, occupying):
    # The API server adds the grace to the time of the request.
    pod = a_pod(JOB, **running())
    pod["metadata"] |= {"deletionTimestamp": format_time(later(30)), "deletionGracePeriodSeconds": 30}
    assert only([], [pod]).occupies(later(seconds)) is occupying
    assert only([deleted(JOB)], [pod]).occupies(later(seconds)) is occupying
