"""A namespace on a real API server with what a test does there by hand: users, kubelet and controllers."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from operator_service.operators import CANARY, make_operator
from testbed.cluster.operator_process import OperatorProcess
from testbed.kubernetes.client_tools import CommandError, run
from testbed.kubernetes.control_plane import ControlPlane
from testbed.programs.binaries import kubectl
from testbed.waiting import eventually
from unit_operator.builders import a_body, a_result, artifact_uri, ended, running

JSONObject = dict[str, Any]
T = TypeVar("T")

S3 = {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "s3"}}}
CPU = {"resources": {}}
LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": CANARY},
}


class Workplace:
    """One namespace."""

    def __init__(self, control_plane: ControlPlane, namespace: str, folder: Path) -> None:
        self.control_plane = control_plane
        self.namespace = namespace
        self.folder = folder

    def operator(self, **options: Any) -> OperatorProcess:
        """An operator for this namespace, not yet started. A context manager."""
        given = {"kubeconfig": self.control_plane.kubeconfig, "namespace": self.namespace} | options
        return make_operator(self.folder, **given)

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """What kubectl prints. Raises CommandError if it fails."""
        command = [str(kubectl()), "--kubeconfig", str(self.control_plane.kubeconfig), "-n", self.namespace]
        # A cache of its own: what another cluster had at the same port is not known here.
        environment = {**os.environ, "KUBECACHEDIR": str(self.control_plane.folder / "kubectl")}
        return run([*command, *words], environment, stdin)

    def does(self, *words: str) -> bool:
        """Whether kubectl can do it."""
        try:
            self.kubectl(*words)
        except CommandError:
            return False
        return True

    def apply(self, document: JSONObject) -> None:
        """`kubectl apply`."""
        self.kubectl("apply", "-f", "-", stdin=json.dumps(document))

    def items(self, kind: str, *words: str) -> list[JSONObject]:
        """Every object of a kind."""
        found: list[JSONObject] = json.loads(self.kubectl("get", kind, "-o", "json", *words))["items"]
        return found

    def make_lease(self) -> None:
        """What the chart makes."""
        self.apply(LEASE)

    def make_run(self, name: str = "demo", **spec: Any) -> None:
        """Apply a run with one task."""
        body = a_body(name=name, storage=S3, **({"phases": {"experts": CPU}} | spec))
        del body["metadata"]["generation"]
        self.apply(body)

    def run(self, name: str = "demo") -> JSONObject:
        """The run as it is now."""
        found: JSONObject = json.loads(self.kubectl("get", "collectiverun", name, "-o", "json"))
        return found

    def state(self, name: str = "demo") -> str:
        """Its state, empty before the first status."""
        return str(self.run(name).get("status", {}).get("state", ""))

    def pod(self, run: str = "demo", attempt: int = 1) -> JSONObject:
        """The only Pod of an attempt of a run, once it is there."""
        selector = f"collectiverl.io/run={run},collectiverl.io/attempt={attempt}"
        return eventually(lambda: next(iter(self.items("pods", "-l", selector)), None))

    def set_pod(self, pod: JSONObject, status: JSONObject) -> None:
        """What a kubelet reports."""
        self._set_status("pod", pod["metadata"]["name"], status)

    def begin(self, pod: JSONObject) -> None:
        """Its container starts."""
        self.set_pod(pod, _as_reported(running()))

    def fail(self, pod: JSONObject, code: int, message: str = "") -> None:
        """Its container ends with an exit code."""
        self.set_pod(pod, _as_reported(ended(code, message)))

    def succeed(self, pod: JSONObject) -> None:
        """Its container ends with a result."""
        job = {"spec": {"template": {"spec": pod["spec"]}}}
        result = a_result(artifact_uri(job, pod["metadata"]["uid"]))
        self.set_pod(pod, _as_reported(ended(0, result)))

    def events(self, run: str = "demo") -> list[tuple[str, str, str]]:
        """Type, reason and message of each Event about the run, in order."""
        found = self.items(
            "events", "--field-selector", f"involvedObject.name={run}", "--sort-by", ".firstTimestamp"
        )
        return [(event["type"], event["reason"], event["message"]) for event in found]

    def reasons(self, run: str = "demo") -> list[str]:
        """Reasons of the Events about the run."""
        return [reason for _, reason, _ in self.events(run)]

    def told(self, run: str, *reasons: str) -> list[str]:
        """Reasons of the Events about the run, once there are these: they are posted beside the rounds."""

        def look() -> list[str]:
            found = self.reasons(run)
            return found if not Counter(reasons) - Counter(found) else []

        return eventually(look, lambda: f"Events {reasons} of {run}, but {self.events(run)}")

    def message(self, reason: str, run: str = "demo") -> str:
        """Message of the only Event about the run that has this reason, once there is one."""
        self.told(run, reason)
        (message,) = [message for _, found, message in self.events(run) if found == reason]
        return message

    @staticmethod
    def moment() -> str:
        """Now, as the audit log writes it."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def requests(
        self, agent: str = "collectiverun-operator", since: str = "", name: str = ""
    ) -> list[tuple[str, str]]:
        """Verb and resource of every request of a client in this namespace, from the audit log.

        `since`: of those that came after this moment. A request is written down once it was answered, which
        may be after what it did was seen: places in the file tell nothing about order.
        """
        whole, _, _ = self.control_plane.audit_log.read_text().rpartition("\n")  # the last line may be cut
        entries = (json.loads(line) for line in whole.split("\n") if self.namespace in line)
        return [
            (entry["verb"], _resource(entry["objectRef"]))
            for entry in entries
            if entry.get("userAgent", "").startswith(agent)
            and entry.get("objectRef", {}).get("namespace") == self.namespace
            and name in ("", entry["objectRef"].get("name"))
            and entry["requestReceivedTimestamp"] > since
        ]

    def _set_status(self, kind: str, name: str, status: JSONObject) -> None:
        patch = json.dumps({"status": status})
        self.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)


def _resource(reference: JSONObject) -> str:
    return "/".join(reference[key] for key in ("resource", "subresource") if reference.get(key))


def _as_reported(status: JSONObject) -> JSONObject:
    """With the fields that the API server insists on."""
    for container in status.get("containerStatuses", []):
        container |= {"image": "trainer", "imageID": "", "ready": False, "restartCount": 0}
    return status
