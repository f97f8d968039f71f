"""A cluster on this machine: a real control plane, a node, an S3 server, the CRD.

    with SmallCluster(folder) as cluster:
        namespace = cluster.namespace()
        cluster.operator(namespace)
        cluster.kubectl("-n", namespace, "apply", "-f", "run.yaml")

Everything ends with the process that started it, however that ends, unless it is to outlive it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from testbed import ROOT
from testbed.cluster.operator_process import (
    COMMAND,
    OperatorProcess,
    chart_variables,
    prerequisites,
    render_chart,
    service_account,
)
from testbed.kubelet import PROCESSES
from testbed.kubernetes.client_tools import ClusterCommands, CommandError
from testbed.kubernetes.control_plane import NODE, ControlPlane
from testbed.kubernetes.crd import install_crd
from testbed.kubernetes.kubeconfig import write_kubeconfig
from testbed.object_store import ObjectStore
from testbed.processes.daemon import Daemon, Service
from testbed.waiting import LIMIT_SECONDS, eventually

T = TypeVar("T")

# What the chart asks for when no image is named.
TRAINER_IMAGE = "collectiverun-trainer:0.1.0"
OPERATOR_IMAGE = "collectiverun-operator:0.1.0"
SECRET = "s3"
FIRST_NODE = "node-1"


class SmallCluster(ClusterCommands, Service):
    """One cluster, with all its files in `folder`. Its first node is `node-1`, with Pods of kind `pods`."""

    def __init__(
        self, folder: Path, outlive: bool = False, with_crd: bool = True, pods: str = PROCESSES
    ) -> None:
        self.folder = folder.absolute()
        self.control_plane = ControlPlane(self.folder / "control-plane", outlive=outlive)
        self.kubeconfig, self.audit_log = self.control_plane.kubeconfig, self.control_plane.audit_log
        self.object_store = ObjectStore(self.folder / "object-store", outlive=outlive)
        self.nodes: dict[str, Daemon] = {}
        self._outlive = outlive
        self._with_crd = with_crd
        self._pods = pods
        self._operators: list[OperatorProcess] = []
        super().__init__(self.kubeconfig, self.folder / "clients")

    def start(self) -> None:
        """Start everything; afterwards a Pod can run."""
        self.object_store.start()
        self.control_plane.start()
        self.start_first_node()
        if self._with_crd:
            install_crd(self.kubectl)
        self._wait_for_node(FIRST_NODE)

    def start_first_node(self) -> None:
        """Start the node without which no Pod can run."""
        self.node(FIRST_NODE, pods=self._pods, wait=False)

    def kill(self) -> None:
        """End everything at once."""
        for service in (*self._operators, *self.nodes.values(), self.control_plane, self.object_store):
            service.kill()

    def wait_for(self, what: str, look: Callable[[], T], seconds: float = LIMIT_SECONDS) -> T:
        """What `look` returns as soon as that is true; AssertionError with `what` if it never is."""
        return eventually(look, what, seconds)

    def namespace(self, prefix: str = "test") -> str:
        """A fresh namespace with the Secret `s3`, the S3 server's keys."""
        name = f"{prefix}-{uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        self.add_storage_keys(name)
        self.wait_for(f"the service account of {name}", lambda: self.admits_pods_in(name))
        return name

    def admits_pods_in(self, namespace: str, account: str = "default") -> bool:
        """Whether Pods of a service account are admitted, which is so a while after it was made.

        The API server looks it up in a cache of its own, so it is tried with a dry run.
        """
        spec = {"serviceAccountName": account, "containers": [{"name": "any", "image": "any"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "dry-run"}, "spec": spec}
        words = ("--namespace", namespace, "create", "--dry-run=server", "--filename", "-")
        try:
            self.kubectl(*words, stdin=json.dumps(pod))
        except CommandError as error:
            if "service account" in error.stderr:
                return False
            raise
        return True

    def add_storage_keys(self, namespace: str, store: ObjectStore | None = None) -> None:
        """The Secret `s3` in a namespace: the keys of the cluster's S3 server, or of another one."""
        environment = (store or self.object_store).environment
        keys = {key: environment[key] for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": keys}
        self.apply(secret, namespace=namespace)

    def operator(
        self, namespace: str, command: Sequence[str] = COMMAND, wait: bool = True, **settings: str
    ) -> OperatorProcess:
        """A running operator for this namespace alone, with the chart's Role and the chart's settings.

        `settings` are environment variables and win. Phases that name no resources ask for none, because
        the node has no GPU. With `wait` it has reported that it is healthy.
        """
        chart = render_chart(self, namespace)
        self.apply(*prerequisites(chart), namespace=namespace)
        account = service_account(chart)
        token = self.kubectl("--namespace", namespace, "create", "token", account, "--duration=24h").strip()
        kubeconfig = self.folder / f"operator-{namespace}.kubeconfig"
        authority = self.control_plane.certificates.authority
        write_kubeconfig(kubeconfig, self.control_plane.url, authority, token, namespace)
        variables = chart_variables(chart) | {"COLLECTIVERUN_DEFAULT_RESOURCES": "{}"} | settings
        operator = OperatorProcess(self.folder, kubeconfig, variables, command)
        self._operators.append(operator)
        return operator.start(wait)

    def node(self, name: str, *options: str, pods: str = PROCESSES, wait: bool = True) -> Daemon:
        """Another node, whose Pods are PROCESSES or SIMULATED; `options` are those of its command line.

        Kill it and it is lost: while another node is well, its Pods are evicted within seconds.
        """
        command = [
            *(sys.executable, "-m", "testbed.kubelet", "--kind", pods, "--name", name),
            *("--kubeconfig", str(self.control_plane.kubeconfig_of(NODE))),
            *("--certificates", str(self.control_plane.certificates.folder)),
            *("--folder", str(self.folder / name), "--image", TRAINER_IMAGE, "--image", OPERATOR_IMAGE),
            *options,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.nodes[name] = Daemon(name, command, self.folder, environment, self._outlive).start()
        if wait:
            self._wait_for_node(name)
        return self.nodes[name]

    def remove_node(self, name: str) -> None:
        """End a node and forget it."""
        self.nodes.pop(name).kill()
        self.kubectl("delete", "node", name)

    def _wait_for_node(self, name: str) -> None:
        path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        self.nodes[name].wait_until(
            lambda: self.kubectl("get", "node", name, "--ignore-not-found", "--output", path) == "True"
        )
