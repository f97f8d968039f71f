"""What the cache keeps: the newest of each object, only what a plan reads, and nothing of what is gone."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from unit_operator.builders import KUBERNETES, a_job, a_manifest, a_pod, a_run, disrupted, ended, running

from collectiverun_operator.cluster.kubernetes.cache import ObjectCache, slim
from collectiverun_operator.plan.observing import observe

UID = "5e0c5f2c-run"
S3 = {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "s3"}}}
STATUSES = {
    "pending": {},
    "unschedulable": {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"}
        ]
    },
    "waiting": {
        "containerStatuses": [
            {"name": "trainer", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
        ]
    },
    "running": running(),
    "ended": ended(1, "boom"),
    "evicted": ended(137, **disrupted("EvictionByEvictionAPI")),
    "lost": {"phase": "Failed", "reason": "NodeLost", "message": "the node is gone"},
    "beside a sidecar": {
        "containerStatuses": [
            {"name": "proxy", "state": {"running": {}}},
            {"name": "trainer", "state": {"terminated": {"exitCode": 5}}},
        ]
    },
}


def manifest():
    run = a_run(platform=KUBERNETES, metadata={"uid": UID, "namespace": "team"}, storage=S3)
    return a_manifest(run, "experts")


def job(uid="job-1", version="10", **status):
    found = a_job(manifest(), uid, **status)
    found["metadata"]["resourceVersion"] = version
    return found


def pod(uid="pod-1", version="10", **status):
    found = a_pod(job(), uid, **status)
    found["metadata"] |= {"resourceVersion": version, "namespace": "team"}
    return found


def uids(bodies):
    return [body["metadata"]["uid"] for body in bodies]


@given(
    name=st.sampled_from(sorted(STATUSES)),
    deleted=st.booleans(),
    suspend=st.booleans(),
    condition=st.sampled_from([None, "Complete", "Failed", "Suspended"]),
)
def test_a_slim_body_is_observed_as_the_whole_one_is(name, deleted, suspend, condition):
    whole_job, whole_pod = job(), pod(**STATUSES[name])
    whole_job["spec"]["suspend"] = suspend
    if condition:
        whole_job["status"]["conditions"] = [{"type": condition, "status": "True"}]
    if deleted:
        gone = {"deletionTimestamp": "2026-01-31T12:00:00Z", "deletionGracePeriodSeconds": 30}
        whole_job["metadata"] |= gone
        whole_pod["metadata"] |= gone
    assert observe([slim(whole_job)], [slim(whole_pod)]) == observe([whole_job], [whole_pod])


def test_an_older_version_never_replaces_a_newer_one():
    cache = ObjectCache()
    cache.put("Pod", pod(version="100", **running()))
    cache.put("Pod", pod(version="99"))
    assert cache.pods(UID)[0]["status"]["phase"] == "Running"
    cache.put("Pod", pod(version="101", **ended(0)))
    assert cache.pods(UID)[0]["status"]["phase"] == "Succeeded"


def test_versions_that_are_no_numbers_are_taken_in_the_order_they_come():
    cache = ObjectCache()
    cache.put("Pod", pod(version="b", **running()))
    cache.put("Pod", pod(version="a", **ended(0)))
    assert cache.pods(UID)[0]["status"]["phase"] == "Succeeded"


def test_what_was_deleted_is_not_brought_back_by_a_late_answer():
    cache = ObjectCache()
    cache.put("Job", job())
    cache.discard("Job", job())
    cache.put("Job", job(version="9"))
    cache.replace("Job", UID, [job(version="9")], "9")
    assert cache.jobs(UID) == []


def test_a_late_deletion_leaves_the_object_that_was_made_since_under_the_name():
    cache = ObjectCache()
    cache.put("Job", job("old"))
    cache.put("Job", job("new", version="20"))
    cache.discard("Job", job("old"))
    assert uids(cache.jobs(UID)) == ["new"]


def test_a_fresh_list_drops_ghosts_and_keeps_what_came_in_while_it_was_made():
    cache = ObjectCache()
    ghost, since = job("ghost", version="10"), job("since", version="31")
    ghost["metadata"]["name"], since["metadata"]["name"] = "ghost", "since"
    cache.put("Job", ghost)
    cache.put("Job", since)
    cache.replace("Job", UID, [job("listed", version="25")], "30")
    assert sorted(uids(cache.jobs(UID))) == ["listed", "since"]


def test_a_fresh_list_does_not_set_an_object_back():
    cache = ObjectCache()
    cache.put("Pod", pod(version="40", **running()))
    cache.replace("Pod", UID, [pod(version="20")], "30")
    assert cache.pods(UID)[0]["status"]["phase"] == "Running"


def test_jobs_and_pods_of_other_runs_and_of_nobody_are_kept_apart():
    cache = ObjectCache()
    cache.put("Job", job())
    cache.put("Job", {"metadata": {"name": "x", "uid": "y", "labels": {"app": "z"}}})
    cache.put("Pod", {"metadata": {"name": "x", "uid": "y"}})
    assert cache.jobs("another") == []
    assert uids(cache.jobs(UID)) == ["job-1"]


def test_a_forgotten_run_leaves_nothing_behind_when_its_last_objects_go():
    cache = ObjectCache()
    cache.put("Job", job())
    cache.forget(UID)
    cache.put("Pod", pod())
    cache.discard("Pod", pod())
    cache.discard("Job", job())
    assert not cache._bodies


def test_thousands_of_jobs_and_pods_fit_in_a_few_mebibytes():
    cache = ObjectCache()
    template = manifest()
    tracemalloc.start()
    for index in range(500):
        for kind, body in (
            ("Job", a_job(template, f"job-{index}")),
            ("Pod", pod(f"pod-{index}", **running())),
        ):
            body["metadata"] |= {"name": f"{kind}-{index}", "resourceVersion": str(index)}
            body["metadata"]["managedFields"] = [{"fieldsV1": {"f:spec": "x" * 4000}}]
            cache.put(kind, body)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(cache.jobs(UID)) == len(cache.pods(UID)) == 500
    assert used / 1000 < 4 * 1024, f"{used / 1000:.0f} bytes an object"


def test_what_a_plan_can_not_see_is_no_news():
    cache = ObjectCache()
    assert cache.put("Pod", pod(version="10", **running()))
    unread = pod(version="11", **running())
    unread["metadata"]["finalizers"] = ["batch.kubernetes.io/job-tracking"]
    assert not cache.put("Pod", unread)
    assert cache.has("Pod", unread)
    assert not cache.put("Pod", pod(version="9", **ended(1)))
    assert cache.put("Pod", pod(version="12", **ended(1)))


def test_a_list_of_one_namespace_says_nothing_of_another():
    cache = ObjectCache()
    cache.put("Pod", pod(version="10"))
    assert cache.missing("Pod", "other", [], "20") == []
    assert cache.missing("Job", "team", [], "20") == []
    assert (
        uids(cache.missing("Pod", "team", [], "20")) == uids(cache.missing("Pod", "", [], "20")) == ["pod-1"]
    )
    assert cache.missing("Pod", "team", ["pod-1"], "20") == []
