"""An arm that a run brings along, on a real API server: a volume of its Pods, and told if it is missing."""

from __future__ import annotations

import pytest
from kubernetes_cluster.unscheduled_runs import create_run, manifest_of, pod_of
from testbed.waiting import eventually

from collectiverun_operator.api.outcome import Holdup
from collectiverun_operator.cluster.kubernetes import holdups

ARM = {"name": "my-arm", "configMapName": "my-arm"}
MISSING = 'MountVolume.SetUp failed for volume "robot-my-arm" : configmap "my-arm" not found'
CREATING = {
    "phase": "Pending",
    "containerStatuses": [
        {
            "name": "trainer",
            "image": "trainer",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}},
        }
    ],
}


def event_about(pod):
    """What a kubelet says of a Pod whose ConfigMap is not there."""
    metadata = pod["metadata"]
    about = {"kind": "Pod", "apiVersion": "v1"} | {key: metadata[key] for key in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.mount"},
        "involvedObject": about,
        "reason": "FailedMount",
        "message": MISSING,
        "type": "Warning",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }


def test_the_pod_of_every_job_mounts_the_config_map_read_only(namespace, cluster):
    run = create_run(namespace, robotModels=[ARM], tasks=[{"env": "reach-v3", "robot": "my-arm"}])
    pod = pod_of(namespace, cluster.create_job(manifest_of(run)))
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert volumes["robot-my-arm"]["configMap"]["name"] == "my-arm"
    (trainer,) = pod["spec"]["containers"]
    mounts = {mount["name"]: mount for mount in trainer["volumeMounts"]}
    assert mounts["robot-my-arm"]["readOnly"] is True


def test_a_config_map_that_is_not_there_is_what_the_member_waits_for(
    namespace, cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdups, "AGAIN_SECONDS", 0.0)
    run = create_run(namespace, robotModels=[ARM], tasks=[{"env": "reach-v3", "robot": "my-arm"}])
    uid, job = run["metadata"]["uid"], cluster.create_job(manifest_of(run))
    pod = pod_of(namespace, job)
    namespace.write_status("pods", pod["metadata"]["name"], CREATING)
    cluster.cache.put("Pod", namespace.get("pods", pod["metadata"]["name"]))
    assert cluster.holdups(uid) == {}  # it has hardly begun
    namespace.apply(event_about(pod))
    found = eventually(lambda: cluster.holdups(uid), "the kubelet's sentence")
    assert found == {job["metadata"]["name"]: Holdup("FailedMount", MISSING)}
