"""Why Pods can't be made, from a real server's Events: asked once for all runs of a namespace."""

from __future__ import annotations

from collectiverun_operator.cluster.kubernetes.refusals import (
    FRESH_SECONDS,
    REFUSED,
    UNMOUNTED,
    EventSentences,
)


def event(name, job_uid, message, reason="FailedCreate"):
    about = {"kind": "Job", "name": "job", "uid": job_uid, "namespace": "", "apiVersion": "batch/v1"}
    times = {"firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": f"2026-01-01T00:00:0{name[-1]}Z"}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name},
        "involvedObject": about,
        "reason": reason,
        "message": message,
        "type": "Warning",
        **times,
    }


def add(namespace, *events):
    for body in events:
        body["involvedObject"]["namespace"] = namespace.name
        namespace.apply(body)


def test_the_newest_sentence_of_each_job_is_told_without_the_pods_name(namespace, cluster):
    add(
        namespace,
        event("first-1", "a", 'Error creating: pods "run-x7f" is forbidden: exceeded quota: small'),
        event("second-2", "a", 'Error creating: pods "run-p2k" is forbidden: exceeded quota: large'),
        event("third-3", "b", "Error creating: admission webhook denied the request"),
        event("other-4", "c", "BackoffLimitExceeded", reason="BackoffLimitExceeded"),
    )
    refusals = EventSentences(cluster.awaitable._requests, REFUSED)
    assert cluster.result_of(refusals.of(namespace.name)) == {
        "a": "its Pod is forbidden: exceeded quota: large",
        "b": "admission webhook denied the request",
    }


def test_one_answer_serves_all_for_a_while(namespace, cluster):
    now = [100.0]
    refusals = EventSentences(cluster.awaitable._requests, REFUSED, clock=lambda: now[0])
    asked = len(cluster.requests)
    for _ in range(3):
        assert cluster.result_of(refusals.of(namespace.name)) == {}
    assert cluster.requests[asked:] == [("list", 200)]
    add(namespace, event("late-1", "a", "Error creating: no"))
    now[0] += FRESH_SECONDS
    assert cluster.result_of(refusals.of(namespace.name)) == {"a": "no"}


def test_a_volume_that_a_kubelet_can_not_mount_is_told_by_its_pod(namespace, cluster):
    text = 'MountVolume.SetUp failed for volume "robot-my-arm" : configmap "my-arm" not found'
    body = event("mount-1", "pod", text, reason="FailedMount")
    body["involvedObject"] |= {"kind": "Pod", "apiVersion": "v1"}
    add(namespace, body, event("job-2", "job", "Error creating: no"))
    unmounted = EventSentences(cluster.awaitable._requests, UNMOUNTED)
    assert cluster.result_of(unmounted.of(namespace.name)) == {"pod": text}
