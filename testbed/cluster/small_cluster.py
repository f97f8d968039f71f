"""A cluster on this machine: a real control plane, a node of processes, an S3 server, the CRD.

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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import psutil

from testbed.cluster.operator_process import (
    COMMAND,
    OperatorProcess,
    make_operator,
    render_chart,
    rights,
    service_account,
)
from testbed.kubelet import PROCESSES
from testbed.kubernetes.client_tools import ClusterCommands, CommandError
from testbed.kubernetes.control_plane import NODE, ControlPlane
from testbed.kubernetes.crd import wait_until_established
from testbed.kubernetes.kubeconfig import write_kubeconfig
from testbed.object_store import ObjectStore
from testbed.processes.daemon import Daemon, ProcessRecord
from testbed.waiting import LIMIT_SECONDS, eventually

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
CRD = ROOT / "crds" / "collectiveruns.yaml"
# What the chart asks for when no image is named.
TRAINER_IMAGE = "collectiverun-trainer:0.1.0"
OPERATOR_IMAGE = "collectiverun-operator:0.1.0"
SECRET = "s3"


class SmallCluster:
    """One cluster, with all its files in `folder`. Its first node is `node-1`."""

    def __init__(
        self, folder: Path, outlive: bool = False, with_crd: bool = True, pods: str = PROCESSES
    ) -> None:
        self.folder = folder.absolute()
        self.control_plane = ControlPlane(self.folder / "control-plane", outlive=outlive)
        self.object_store = ObjectStore(str(self.folder / "object-store"))
        self.nodes: dict[str, Daemon] = {}
        self._commands = ClusterCommands(self.kubeconfig, self.folder / "clients")
        self._outlive = outlive
        self._with_crd = with_crd
        self._pods = pods
        self._operators: list[OperatorProcess] = []

    @property
    def kubeconfig(self) -> Path:
        """Of an administrator."""
        return self.control_plane.kubeconfig

    @property
    def audit_log(self) -> Path:
        """What the API server wrote down about requests, as JSON lines."""
        return self.control_plane.audit_log

    @property
    def environment(self) -> dict[str, str]:
        """In which kubectl and helm reach the cluster."""
        return self._commands.environment

    @property
    def records(self) -> list[ProcessRecord]:
        """What finds all its processes again."""
        store = psutil.Process(self.object_store.pid)
        nodes = [node.record for node in self.nodes.values() if node.is_running]
        storage = ProcessRecord("object-store", store.pid, store.create_time())
        return [*self.control_plane.records, storage, *nodes]

    def start(self) -> None:
        """Start everything; afterwards a Pod can run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.object_store.start(outlive=self._outlive)
        self.control_plane.start()
        self.node("node-1", pods=self._pods, wait=False)
        if self._with_crd:
            self.install_definition()
        self._wait_for_node("node-1")

    def stop(self) -> None:
        """End everything at once."""
        for operator in self._operators:
            operator.kill()
        for node in self.nodes.values():
            node.kill()
        self.control_plane.stop()
        self.object_store.kill()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints. Raises CommandError, a CalledProcessError, if it fails."""
        return self._commands.kubectl(*arguments, stdin=stdin)

    def helm(self, *arguments: str) -> str:
        """What helm prints. Raises CommandError if it fails."""
        return self._commands.helm(*arguments)

    def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get … --output json` prints."""
        document: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        return document

    def apply(self, *documents: Mapping[str, Any], namespace: str = "default") -> None:
        """`kubectl apply` of documents."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        self.kubectl("--namespace", namespace, "apply", "--filename", "-", stdin=text)

    def wait_for(self, what: str, look: Callable[[], T], seconds: float = LIMIT_SECONDS) -> T:
        """What `look` returns as soon as that is true; AssertionError that says what was missing."""
        return eventually(look, what, seconds)

    def namespace(self, prefix: str = "test") -> str:
        """A fresh namespace with the Secret `s3`, the S3 server's keys."""
        name = f"{prefix}-{uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        self.add_storage_keys(name)
        self.wait_for(f"the service account of {name}", lambda: self.lets_pods_in(name))
        return name

    def lets_pods_in(self, namespace: str, account: str = "default") -> bool:
        """Whether Pods of a service account are let in, which is so a while after it was made.

        The API server looks it up in a cache of its own. So it is asked by trying, not by a look at it.
        """
        spec = {"serviceAccountName": account, "containers": [{"name": "any", "image": "any"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"}, "spec": spec}
        words = ("--namespace", namespace, "create", "--dry-run=server", "--filename", "-")
        try:
            self.kubectl(*words, stdin=json.dumps(pod))
        except CommandError as error:
            if "service account" in error.stderr:
                return False
            raise
        return True

    def add_storage_keys(self, namespace: str) -> None:
        """The Secret `s3` in a namespace."""
        environment = self.object_store.environment
        keys = {key: environment[key] for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": keys}
        self.apply(secret, namespace=namespace)

    def operator(
        self, namespace: str, command: Sequence[str] = COMMAND, wait: bool = True, **settings: str
    ) -> OperatorProcess:
        """A running operator for this namespace alone, with the chart's Role and the chart's settings.

        `settings` are environment variables and win. Phases that name no resources ask for none, because
        the node has no GPU. With `wait` it has said that it is well.
        """
        chart = render_chart(self._commands, namespace)
        self.apply(*rights(chart), namespace=namespace)
        account = service_account(chart)
        token = self.kubectl("--namespace", namespace, "create", "token", account, "--duration=24h").strip()
        kubeconfig = self.folder / f"operator-{namespace}.kubeconfig"
        authority = self.control_plane.certificates.authority
        write_kubeconfig(kubeconfig, self.control_plane.url, authority, token, namespace)
        given = {"COLLECTIVERUN_DEFAULT_RESOURCES": "{}"} | settings
        operator = make_operator(self.folder, kubeconfig, chart, given, command)
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
        node = self.nodes[name] = Daemon(name, command, self.folder, environment, outlive=self._outlive)
        node.start()
        if wait:
            self._wait_for_node(name)
        return node

    def install_definition(self) -> None:
        """Install the CRD."""
        self.kubectl("apply", "--filename", str(CRD))
        wait_until_established(self.kubectl)

    def _wait_for_node(self, name: str) -> None:
        path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"

        def is_ready() -> bool:
            found = self.kubectl("get", "node", name, "--ignore-not-found", "--output", path)
            return found == "True"

        self.nodes[name].wait_until(is_ready)
