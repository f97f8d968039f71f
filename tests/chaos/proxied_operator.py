"""An operator whose way to the API server, and whose token, a test can change under it."""

from __future__ import annotations

import json

from support.api_requests import accepts_token
from support.faulty_proxy import FaultyProxy
from support.namespace import Namespace
from testbed.cluster.operator_process import OperatorProcess
from testbed.cluster.small_cluster import SmallCluster
from testbed.waiting import eventually


class ProxiedOperator:
    """An operator that knows the API server by the proxy's address, and has a token that can be ended."""

    def __init__(self, cluster: SmallCluster, namespace: Namespace, **settings: str) -> None:
        self._namespace = namespace
        self._kubeconfig = cluster.folder / f"operator-{namespace.name}.kubeconfig"
        self._tokens: dict[str, str] = {}
        self.proxy = FaultyProxy(cluster.control_plane.url)
        self.process = self._start(cluster, settings)

    def renew_token(self, name: str) -> None:
        """Put another token into its kubeconfig in one step, as a Pod's projected token is renewed."""
        self._tokens[name] = self._token(name)
        self._rewrite("users", "user", token=self._tokens[name])

    def end_token(self, name: str) -> None:
        """From now on this token is worth nothing: the API server, which remembers some, forgot it."""
        self._namespace.delete("secrets", name)
        plane, token = self._namespace.control_plane, self._tokens[name]
        eventually(lambda: not accepts_token(plane, token), f"the token {name} is refused")

    def close(self) -> None:
        """End operator and proxy."""
        self.process.kill()
        self.proxy.close()

    def _start(self, cluster: SmallCluster, settings: dict[str, str]) -> OperatorProcess:
        # As the operator is started its rights and its kubeconfig are made, so it has to be started twice.
        operator = cluster.operator(self._namespace.name, wait=False, **settings)
        operator.kill()
        self._rewrite("clusters", "cluster", server=self.proxy.url)
        self.renew_token("first")
        return operator.start()

    def _token(self, name: str) -> str:
        """One bound to a Secret: the API server grants none that expires in less than ten minutes."""
        self._namespace.kubectl("create", "secret", "generic", name)
        bound = ("--bound-object-kind=Secret", f"--bound-object-name={name}")
        accounts = (account["metadata"]["name"] for account in self._namespace.list("serviceaccounts"))
        account = next(name for name in accounts if name != "default")
        return self._namespace.kubectl("create", "token", account, *bound).strip()

    def _rewrite(self, entries: str, entry: str, **values: str) -> None:
        document = json.loads(self._kubeconfig.read_text())
        document[entries][0][entry] |= values
        partial = self._kubeconfig.with_suffix(".partial")
        partial.write_text(json.dumps(document))
        partial.replace(self._kubeconfig)
