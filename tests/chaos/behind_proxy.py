"""An operator whose way to the API server, and whose token, a test can change under it."""

from __future__ import annotations

import json
from pathlib import Path

from chaos import direct_requests
from chaos.severable_proxy import SeverableProxy
from testbed.cluster.operator_process import OperatorProcess
from testbed.cluster.small_cluster import SmallCluster
from testbed.waiting import eventually


class ProxiedOperator:
    """An operator that knows the API server by the proxy's address, and has a token that can be ended."""

    def __init__(self, cluster: SmallCluster, namespace: str, **settings: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._tokens: dict[str, str] = {}
        self.proxy = SeverableProxy("127.0.0.1", int(cluster.control_plane.url.rsplit(":", 1)[1]))
        self.process = self._start(settings)

    def renew_token(self, name: str) -> None:
        """Put another token into its kubeconfig in one step, as a Pod's projected token is renewed."""
        self._tokens[name] = self._token(name)
        self._rewrite("users", "user", token=self._tokens[name])

    def end_token(self, name: str) -> None:
        """From now on this token is worth nothing: the API server, which remembers some, forgot it."""
        self._kubectl("delete", "secret", name)
        plane, token = self._cluster.control_plane, self._tokens[name]
        eventually(lambda: not direct_requests.accepts(plane, token), f"the token {name} is refused")

    def close(self) -> None:
        """End operator and proxy."""
        self.process.kill()
        self.proxy.close()

    def _start(self, settings: dict[str, str]) -> OperatorProcess:
        # As the operator is started its rights and its kubeconfig are made, so it has to be started twice.
        operator = self._cluster.operator(self._namespace, wait=False, **settings)
        operator.kill()
        self._rewrite("clusters", "cluster", server=f"https://127.0.0.1:{self.proxy.port}")
        self.renew_token("first")
        return operator.start()

    def _token(self, name: str) -> str:
        """One bound to a Secret: the API server grants none that expires in less than ten minutes."""
        self._kubectl("create", "secret", "generic", name)
        bound = ("--bound-object-kind=Secret", f"--bound-object-name={name}")
        return self._kubectl("create", "token", self._account(), *bound).strip()

    def _account(self) -> str:
        found = self._cluster.get("serviceaccounts", "--namespace", self._namespace)["items"]
        names = (account["metadata"]["name"] for account in found)
        return next(name for name in names if name != "default")

    def _kubectl(self, *arguments: str) -> str:
        return self._cluster.kubectl("--namespace", self._namespace, *arguments)

    def _rewrite(self, entries: str, entry: str, **values: str) -> None:
        path = self._kubeconfig
        document = json.loads(path.read_text())
        document[entries][0][entry] |= values
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(document))
        partial.replace(path)

    @property
    def _kubeconfig(self) -> Path:
        return self._cluster.folder / f"operator-{self._namespace}.kubeconfig"
