"""Pods and Jobs of the testbed's own tests."""

from __future__ import annotations

import json
from typing import Any

from testbed.cluster.small_cluster import TRAINER_IMAGE, SmallCluster
from testbed.kubelet.faults import ANNOTATION

JSONObject = dict[str, Any]

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


class PodPlace:
    """A namespace to start Pods in."""

    def __init__(self, cluster: SmallCluster) -> None:
        self.cluster = cluster
        self.namespace = cluster.namespace("pods")

    def start(self, *pods: JSONObject) -> None:
        """`kubectl apply`."""
        self.cluster.apply(*pods, namespace=self.namespace)

    def wait_for_log(self, name: str, *lines: str) -> None:
        """Until the container, which must not end before, has said these lines and no others."""
        self.wait_for_state(name, "running")
        self.cluster.wait_for(
            f"{name} says {lines}", lambda: self.kubectl("logs", name).splitlines() == list(lines)
        )

    def kubectl(self, *arguments: str) -> str:
        """`kubectl` in the namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *arguments)

    def status(self, name: str) -> JSONObject:
        """The Pod's status; empty once it is gone."""
        text = self.kubectl("get", "pod", name, "--ignore-not-found", "--output", "json")
        status: JSONObject = json.loads(text)["status"] if text else {}
        return status

    def state(self, name: str) -> JSONObject:
        """State of its only container."""
        containers = self.status(name).get("containerStatuses", [])
        return dict(containers[0]["state"]) if containers else {}

    def wait_for_state(self, name: str, state: str) -> JSONObject:
        """Details of the container's state once it is `waiting`, `running` or `terminated`."""

        def details() -> JSONObject | None:
            return self.state(name).get(state)

        return dict(self.cluster.wait_for(f"{name} {state}", details) or {})

    def wait_for_reason(self, name: str, reason: str) -> None:
        """Until the container waits for a reason."""
        self.cluster.wait_for(
            f"{name}: {reason}", lambda: self.state(name).get("waiting", {}).get("reason") == reason
        )

    def wait_until_gone(self, name: str) -> None:
        """Until the API server does not know the Pod any more."""
        self.cluster.wait_for(f"{name} gone", lambda: not self.status(name))
