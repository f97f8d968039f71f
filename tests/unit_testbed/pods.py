"""Pods of the testbed's own tests."""

from __future__ import annotations

from typing import Any

from testbed import JSONObject
from testbed.cluster.small_cluster import TRAINER_IMAGE, SmallCluster
from testbed.kubelet.faults import ANNOTATION
from testbed.kubernetes.client_tools import ClusterCommands
from testbed.waiting import eventually

SCRIPT_START = "import os, signal, sys, time\n"


def a_pod(name: str, script: str = "time.sleep(600)", fault: str = "", **spec: Any) -> JSONObject:
    """A Pod that runs a Python script; `container` in `spec` is laid over its container."""
    container = {
        "name": "trainer",
        "image": TRAINER_IMAGE,
        "command": ["python", "-u", "-c", SCRIPT_START + script],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **spec.pop("container", {}),
    }
    annotations = {"annotations": {ANNOTATION: fault}} if fault else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **annotations},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 30,
            "automountServiceAccountToken": False,
            "containers": [container],
            **spec,
        },
    }


class PodNamespace(ClusterCommands):
    """A namespace of the cluster with Pods of one container each."""

    def __init__(self, cluster: SmallCluster) -> None:
        self.cluster = cluster
        self.namespace = cluster.namespace("pods")
        super().__init__(cluster.kubeconfig, cluster.folder / "clients", self.namespace)

    def status(self, name: str) -> JSONObject:
        """The Pod's status; empty once it is gone."""
        pods = self.get("pods", "--field-selector", f"metadata.name={name}")["items"]
        return dict(pods[0]["status"]) if pods else {}

    def state(self, name: str) -> JSONObject:
        """State of its container."""
        containers = self.status(name).get("containerStatuses", [])
        return dict(containers[0]["state"]) if containers else {}

    def wait_for_state(self, name: str, state: str) -> JSONObject:
        """Details of the container's state once it is `waiting`, `running` or `terminated`."""
        details = eventually(lambda: self.state(name).get(state), f"{name} {state}")
        return dict(details or {})

    def wait_for_log(self, name: str, *lines: str) -> None:
        """Until the container, which must not end before, has printed these lines and no others."""
        self.wait_for_state(name, "running")
        eventually(lambda: self.kubectl("logs", name).splitlines() == list(lines), f"{name} says {lines}")

    def wait_for_reason(self, name: str, reason: str) -> None:
        """Until the container waits for a reason."""
        eventually(lambda: self.state(name).get("waiting", {}).get("reason") == reason, f"{name}: {reason}")

    def wait_until_gone(self, name: str) -> None:
        """Until the API server does not know the Pod any more."""
        eventually(lambda: not self.status(name), f"{name} gone")
