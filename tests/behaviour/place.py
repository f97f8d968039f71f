"""A namespace of the small cluster with an operator of its own, and Pods that end as a test says.

Two kinds of Pods: those of `node-1` are real processes, and run the real trainer; those of a mimicked node
only say that they run, until a test lets them succeed or fail, and serve where only the operator is tested.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from behaviour.live_run import FAULT, POLL_SECONDS, WAIT_SECONDS, LiveRun
from behaviour.runs import STAYING, JSONObject, a_run, s3_storage
from testbed.cluster.operator_process import OperatorProcess
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubelet import SIMULATED
from testbed.kubernetes.client_tools import CommandError
from testbed.object_store import ObjectStore

TAINT = "behaviour.collectiverl.io/mimicked"
SECONDS = "testbed.collectiverl.io/seconds"
MIMICKED_NODE = "mimicked-1"
# Figures are wanted as soon as there are any.
SETTINGS = {"COLLECTIVERUN_FIGURES_SECONDS": "1"}
_MIMICKED: JSONObject = {"key": TAINT, "operator": "Exists"}


@dataclass
class Place:
    """Where a test applies its runs."""

    cluster: SmallCluster
    namespace: str
    operator: OperatorProcess = field(init=False)

    def __post_init__(self) -> None:
        self.add_mimicked_node(MIMICKED_NODE)
        self.operator = self._start_operator()

    @property
    def store(self) -> ObjectStore:
        """The S3 server."""
        return self.cluster.object_store

    @property
    def storage(self) -> JSONObject:
        """Storage with keys that are right."""
        return s3_storage(self.store)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """`kubectl` in the namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def apply(self, body: JSONObject) -> LiveRun:
        """`kubectl apply`. Raises CalledProcessError with what kubectl says if it is refused."""
        self.kubectl("apply", "--filename", "-", stdin=json.dumps(body))
        return LiveRun(self.cluster, self.namespace, body["metadata"]["name"])

    def secret(self, name: str, access_key: str, secret_key: str) -> None:
        """Make or replace a Secret with storage keys."""
        keys = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": keys}
        self.kubectl("apply", "--filename", "-", stdin=json.dumps(document))

    def mimicked(self, name: str, **spec: Any) -> JSONObject:
        """A run of one task whose Pods say that they run until the test ends them."""
        return a_run(name, self.storage, **{"podTemplate": held(_MIMICKED, *STAYING)} | spec)

    def mimicked_and_lost_with_its_node(self, name: str, **spec: Any) -> JSONObject:
        """The same, but a Pod is evicted from a node that was not heard of for some seconds."""
        return self.mimicked(name, podTemplate=held(_MIMICKED), **spec)

    def succeed(self, pod: JSONObject) -> None:
        """Let a mimicked Pod report its phase's result and end."""
        self.kubectl("annotate", "pod", pod["metadata"]["name"], f"{FAULT}-")

    def finish(self, run: LiveRun) -> None:
        """Let every Pod of a mimicked run succeed until the run is Complete."""
        end = time.monotonic() + WAIT_SECONDS
        while (status := run.status).get("state") != "Complete":
            assert time.monotonic() < end, f"{run.name} is not Complete but {status}"
            held = [pod for pod in run.pods() if FAULT in pod["metadata"].get("annotations", {})]
            for pod in held:
                if pod["status"].get("phase") == "Running":
                    self._succeed_if_there(pod)
            time.sleep(POLL_SECONDS)

    def _succeed_if_there(self, pod: JSONObject) -> None:
        """One whose node was lost may be deleted meanwhile."""
        try:
            self.succeed(pod)
        except CommandError as error:
            if "NotFound" not in error.stderr:
                raise

    def add_mimicked_node(self, name: str) -> None:
        """A node whose Pods only say that they run; no other Pods come to it."""
        if name not in self.cluster.nodes:
            self.cluster.node(name, "--taint", TAINT, pods=SIMULATED)
            self.cluster.kubectl("label", "node", name, f"{TAINT}=true", "--overwrite")

    @contextmanager
    def lost_node(self, name: str) -> Iterator[None]:
        """A node that is lost, kubelet and all, and comes back afterwards."""
        node = self.cluster.nodes[name]
        node.kill()
        try:
            yield
        finally:
            node.start()

    @contextmanager
    def labelled_node(self, key: str, value: str) -> Iterator[None]:
        """The label on the node of real processes, as long as this lasts."""
        self.cluster.kubectl("label", "node", "node-1", f"{key}={value}", "--overwrite")
        try:
            yield
        finally:
            self.cluster.kubectl("label", "node", "node-1", f"{key}-")

    def restart_operator(self) -> None:
        """End the operator as a loss of power would, and start it again."""
        self.operator.kill()
        self.operator.start()

    @contextmanager
    def second_operator(self) -> Iterator[OperatorProcess]:
        """Another operator beside the first."""
        with self._start_operator() as second:
            yield second

    def created_jobs(self, run: LiveRun) -> list[str]:
        """Names of the Jobs that were made for a run, each as often as that was done, by the audit log."""
        found = []
        whole, _, _ = self.cluster.audit_log.read_text().rpartition("\n")  # the last line may be cut
        for line in whole.split("\n"):
            entry = json.loads(line)
            what = entry.get("objectRef", {})
            made = entry["verb"] == "create" and entry.get("responseStatus", {}).get("code") == 201
            if made and what.get("resource") == "jobs" and what.get("namespace") == self.namespace:
                found.append(entry)
        names = [entry["objectRef"].get("name", "") for entry in found if "dryRun" not in entry["requestURI"]]
        return [name for name in names if name.startswith(f"{run.name}-")]

    def _start_operator(self) -> OperatorProcess:
        return self.cluster.operator(self.namespace, **SETTINGS)


def held(*tolerations: JSONObject) -> JSONObject:
    """A Pod template of mimicked nodes: it runs until the annotation is taken off or tells another fault."""
    return {
        "metadata": {"annotations": {FAULT: "hang", SECONDS: "0"}},
        "spec": {"tolerations": list(tolerations), "nodeSelector": {TAINT: "true"}},
    }


def only_on(key: str, value: str) -> JSONObject:
    """Part of a phase: its Pods fit no node without this label."""
    return {"podTemplate": {"spec": {"nodeSelector": {key: value}}}}
