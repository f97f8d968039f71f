"""A cluster whose only node has real containers, with an S3 server and the chart's operator in it."""

from __future__ import annotations

from pathlib import Path

from e2e.container_images import ALL, OPERATOR, TRAINER
from e2e.node import Node
from e2e.own_network import API_SERVER_ADDRESS, NODE_ADDRESS
from testbed import JSONObject
from testbed.cluster.operator_process import CHART
from testbed.cluster.small_cluster import FIRST_NODE, SmallCluster
from testbed.kubernetes.control_plane import NODE, ControlPlane
from testbed.object_store import ObjectStore

SYSTEM = "collectiverun-system"
RELEASE = "collectiverun"


class ContainerCluster(SmallCluster):
    """Like every small cluster, but Pods are containers made from the images under test.

    The process must be in a network of its own (`own_network`).
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, with_crd=False)
        self.control_plane = ControlPlane(self.folder / "control-plane", API_SERVER_ADDRESS, port=443)
        self.object_store = ObjectStore(folder / "object-store", address=NODE_ADDRESS)
        kubeconfig = self.control_plane.kubeconfig_of(NODE)
        self.container_node = Node(FIRST_NODE, self.folder / "node", kubeconfig, ALL)

    def start_first_node(self) -> None:
        """Start the only node there is."""
        self.nodes[FIRST_NODE] = self.container_node
        self.container_node.start()

    def install(self, *options: str, verb: str = "install") -> str:
        """Install the chart with the images under test, and wait until the operator is well."""
        images = ("--set", f"operator.image={OPERATOR},trainer.image={TRAINER}")
        # The node is this machine: few cores, and no GPU to ask for.
        little = ("--set", "defaultResources=null")
        release = (verb, RELEASE, str(CHART), "--namespace", SYSTEM, "--create-namespace")
        return self.helm(*release, *images, *little, "--wait", "--timeout", "300s", *options)

    def pods(self, namespace: str, selector: str) -> list[JSONObject]:
        """Pods by label."""
        return list(self.get("pods", "--namespace", namespace, "--selector", selector)["items"])

    def execute(self, namespace: str, pod: str, *command: str) -> str:
        """What a command prints inside a Pod's container."""
        return self.kubectl("--namespace", namespace, "exec", pod, "--", *command)
