"""A namespace of a small cluster with an operator of its own, and Pods that end as a test says.

Two kinds of Pods: those of `node-1` are real processes, and run the real trainer; those of a simulated node
only say that they run, until a test lets them succeed or fail, and serve where only the operator is tested.
"""

from __future__ import annotations

from typing import Any

from support.live_run import FAULT
from support.namespace import Namespace
from support.run_bodies import NODE_LOSS_TOLERATIONS, JSONObject, run_body
from testbed.cluster.example_run import s3_storage
from testbed.cluster.operator_process import OperatorProcess
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubelet import SIMULATED
from testbed.kubelet.simulated_pod import SECONDS_ANNOTATION
from testbed.object_store import ObjectStore

TAINT = "tests.collectiverl.io/simulated"


class OperatorNamespace(Namespace):
    """The namespace, a simulated node and the operator."""

    def __init__(self, cluster: SmallCluster, prefix: str) -> None:
        super().__init__(cluster.control_plane, cluster.namespace(prefix))
        self.cluster = cluster
        self.add_simulated_node("simulated-1")
        self.operator = self.start_operator()

    @property
    def store(self) -> ObjectStore:
        """The S3 server."""
        return self.cluster.object_store

    @property
    def storage(self) -> JSONObject:
        """Storage with keys that are right."""
        return s3_storage(self.store)

    def start_operator(self) -> OperatorProcess:
        """An operator, perhaps beside another. Progress is wanted as soon as there is any."""
        return self.cluster.operator(self.name, COLLECTIVERUN_FIGURES_SECONDS="1")

    def simulated_run(self, name: str, tolerations: Any = NODE_LOSS_TOLERATIONS, **spec: Any) -> JSONObject:
        """A run of one task whose Pods say that they run until the test ends them.

        Without `tolerations` a Pod is evicted from a node that was not heard of for some seconds.
        """
        template = {
            "metadata": {"annotations": {FAULT: "hang", SECONDS_ANNOTATION: "0"}},
            "spec": {
                "tolerations": [{"key": TAINT, "operator": "Exists"}, *tolerations],
                "nodeSelector": {TAINT: "true"},
            },
        }
        return run_body(name, **{"storage": self.storage, "podTemplate": template} | spec)

    def add_simulated_node(self, name: str) -> None:
        """A node whose Pods only say that they run; no other Pods come to it."""
        if name not in self.cluster.nodes:
            self.cluster.node(name, "--taint", TAINT, pods=SIMULATED)
            self.kubectl("label", "node", name, f"{TAINT}=true", "--overwrite")


def only_on(key: str, value: str) -> JSONObject:
    """Part of a phase: its Pods fit no node without this label."""
    return {"podTemplate": {"spec": {"nodeSelector": {key: value}}}}
