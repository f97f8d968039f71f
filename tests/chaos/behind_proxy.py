"""An operator whose way to the API server, and whose token, a test can change under it."""

from __future__ import annotations

import json
from pathlib import Path

from chaos.severable_proxy import SeverableProxy
from cluster.operator_process import OperatorProcess
from cluster.small_cluster import SmallCluster


class ProxiedOperator:
    """An operator that knows the API server by the proxy's address."""

    def __init__(self, cluster: SmallCluster, namespace: str, **settings: str) -> None:
        self.proxy = SeverableProxy("127.0.0.1", int(cluster.control_plane.url.rsplit(":", 1)[1]))
        self.process = self._start(cluster, namespace, settings)
        self._cluster, self._namespace = cluster, namespace

    @property
    def kubeconfig(self) -> Path:
        """Its kubeconfig, which it reads again as a Pod reads its projected token."""
        return self._cluster.folder / f"operator-{self._namespace}.kubeconfig"

    def take_token(self, token: str) -> None:
        """Put another token into its kubeconfig, in one step."""
        _rewrite(self.kubeconfig, token=token)

    def close(self) -> None:
        """End operator and proxy."""
        self.process.kill()
        self.proxy.close()

    def _start(self, cluster: SmallCluster, namespace: str, settings: dict[str, str]) -> OperatorProcess:
        # The cluster writes the file as it starts the operator, so that is done twice.
        operator = cluster.operator(namespace, wait=False, **settings)
        operator.kill()
        kubeconfig = cluster.folder / f"operator-{namespace}.kubeconfig"
        _rewrite(kubeconfig, server=f"https://127.0.0.1:{self.proxy.port}")
        return operator.start()


def _rewrite(path: Path, server: str | None = None, token: str | None = None) -> None:
    document = json.loads(path.read_text())
    if server is not None:
        document["clusters"][0]["cluster"]["server"] = server
    if token is not None:
        document["users"][0]["user"]["token"] = token
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document))
    partial.replace(path)
