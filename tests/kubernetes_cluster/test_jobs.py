"""Jobs on a real API server: made once, deleted by UID, and believed gone only when the server says so."""

from __future__ import annotations

import copy

import pytest
from kubernetes_cluster.unscheduled_runs import create_run, finished, manifest_of, pod_of
from support.reported_pods import report
from testbed.waiting import eventually
from unit_operator.builders import a_result, ended, running

from collectiverun_operator.api.outcome import Succeeded
from collectiverun_operator.errors import NameTakenError
from collectiverun_operator.plan.observing import observe


def uids(bodies):
    return [body["metadata"]["uid"] for body in bodies]


def test_a_job_made_twice_is_one_job(namespace, cluster):
    manifest = manifest_of(create_run(namespace))
    first = cluster.create_job(manifest)
    second = cluster.create_job(manifest)
    assert first["metadata"]["uid"] == second["metadata"]["uid"]
    assert len(namespace.list("jobs")) == 1


def test_a_job_is_in_the_cache_as_soon_as_it_is_made(namespace, cluster):
    run = create_run(namespace)
    job = cluster.create_job(manifest_of(run))
    (known,) = cluster.jobs(run["metadata"]["uid"])
    assert known["metadata"]["uid"] == job["metadata"]["uid"]


def test_a_name_that_another_owner_has_is_told_and_its_job_left_alone(namespace, cluster):
    manifest = manifest_of(create_run(namespace))
    other = copy.deepcopy(manifest)
    owner = create_run(namespace, "other")
    other["metadata"]["ownerReferences"][0] |= {"name": "other", "uid": owner["metadata"]["uid"]}
    theirs = namespace.create_object("jobs", other)
    with pytest.raises(NameTakenError, match=manifest["metadata"]["name"]):
        cluster.create_job(manifest)
    (left,) = namespace.list("jobs")
    assert left["metadata"]["uid"] == theirs["metadata"]["uid"]


def test_a_job_is_asked_for_by_name_and_known_from_then_on(namespace, cluster):
    run = create_run(namespace)
    uid, manifest = run["metadata"]["uid"], manifest_of(run)
    name = manifest["metadata"]["name"]
    assert cluster.job(namespace.name, name, uid) is None
    namespace.create_object("jobs", manifest)
    assert cluster.jobs(uid) == []
    assert cluster.job(namespace.name, name, "another run") is None
    assert (cluster.job(namespace.name, name, uid))["metadata"]["name"] == name
    assert len(cluster.jobs(uid)) == 1


def test_only_the_job_of_the_uid_is_deleted(namespace, cluster):
    manifest = manifest_of(create_run(namespace))
    cluster.create_job(manifest)
    cluster.delete_job(namespace.name, manifest["metadata"]["name"], "of an older Job")
    (job,) = namespace.list("jobs")
    assert "deletionTimestamp" not in job["metadata"]


def test_deleting_what_is_gone_is_success_and_the_cache_learns_of_it(namespace, cluster):
    run = create_run(namespace)
    job = cluster.create_job(manifest_of(run))
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    namespace.delete("jobs", name)
    cluster.delete_job(namespace.name, name, uid)
    assert cluster.jobs(run["metadata"]["uid"]) == []


def test_a_finished_job_goes_soon_and_is_not_waited_for(namespace, cluster):
    run = create_run(namespace)
    job = cluster.create_job(manifest_of(run))
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    for _ in range(2):
        cluster.delete_job(namespace.name, name, uid, is_finished=True)

    def is_gone():
        return not namespace.list("jobs") and not cluster.jobs(run["metadata"]["uid"])

    eventually(is_gone)
    assert cluster.requests.count(("delete", 200)) == 1


def test_a_deleted_job_is_terminating_until_its_pods_are_gone(namespace, cluster):
    run = create_run(namespace)
    job = cluster.create_job(manifest_of(run))
    pod = pod_of(namespace, job)
    # A finalizer stands for a kubelet that has not yet stopped the container.
    name = pod["metadata"]["name"]
    namespace.patch("pods", name, {"metadata": {"finalizers": ["testbed.collectiverl.io/running"]}})
    cluster.delete_job(namespace.name, job["metadata"]["name"], job["metadata"]["uid"])
    (known,) = cluster.jobs(run["metadata"]["uid"])
    assert known["metadata"]["deletionTimestamp"]

    def is_terminating():
        return namespace.get("pods", name)["metadata"].get("deletionTimestamp")

    eventually(is_terminating)
    assert len(namespace.list("jobs")) == 1
    namespace.patch("pods", name, {"metadata": {"finalizers": None}})

    def is_gone():
        return not namespace.list("jobs") or None

    eventually(is_gone)


def test_a_refresh_drops_ghosts_and_finds_what_no_event_told(namespace, cluster):
    run = create_run(namespace)
    uid = run["metadata"]["uid"]
    ghost = cluster.create_job(manifest_of(run))
    namespace.delete("jobs", ghost["metadata"]["name"])
    unknown = namespace.create_object("jobs", manifest_of(run, attempt=2))
    pod = pod_of(namespace, unknown)

    def is_only_the_unknown_left():
        """The ghost's Pod goes too, a moment after its Job."""
        cluster.refresh(run["metadata"]["namespace"], run["metadata"]["uid"])
        jobs, pods = cluster.jobs(uid), cluster.pods(uid)
        return uids(jobs) == uids([unknown]) and uids(pods) == uids([pod])

    eventually(is_only_the_unknown_left)


def test_how_a_finished_job_ended_is_asked_for_when_no_event_told_yet(namespace, cluster):
    """The Job's event came first; planning on the Pod's old state would call the attempt lost."""

    run = create_run(namespace)
    uid = run["metadata"]["uid"]
    job = cluster.create_job(manifest_of(run))
    pod = pod_of(namespace, job)
    report(namespace, pod, running())
    cluster.cache.put("Pod", (namespace.list("pods"))[0])
    report(namespace, pod, ended(0, a_result("s3://bucket/somewhere")))
    cluster.cache.put("Job", finished(namespace, job))
    seen = observe(cluster.jobs(uid), cluster.pods(uid))
    ((_, attempt),) = seen.attempts.items()
    assert isinstance(attempt.pods[0].outcome, Succeeded)


def test_a_finished_job_whose_pod_is_gone_is_asked_about_once(namespace, cluster):
    run = create_run(namespace)
    uid = run["metadata"]["uid"]
    job = cluster.create_job(manifest_of(run))
    pod = pod_of(namespace, job)
    report(namespace, pod, ended(0, ""))
    cluster.cache.put("Job", finished(namespace, job))
    namespace.delete("pods", pod["metadata"]["name"])
    cluster.requests.clear()
    for _ in range(3):
        assert cluster.pods(uid) == []
    assert cluster.requests == [("list", 200)]
