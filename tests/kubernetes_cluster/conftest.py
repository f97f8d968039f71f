"""A namespace on a real API server for each test, with a client that is its administrator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes_cluster.scene import Stage, Theatre, new_namespace
from testbed.cluster.small_cluster import SmallCluster

from collectiverun_operator.cluster.kubernetes.client import KUBECONFIG_VARIABLE


@pytest.fixture
def theatre(small_cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theatre]:
    monkeypatch.setenv(KUBECONFIG_VARIABLE, str(small_cluster.kubeconfig))
    namespace = new_namespace()
    name = namespace["metadata"]["name"]
    theatre = Theatre(name)

    async def begin(stage: Stage) -> None:
        await stage.admin.send("create", "/api/v1/namespaces", body=namespace)

    async def end(stage: Stage) -> None:
        await stage.admin.send("delete", f"/api/v1/namespaces/{name}")

    theatre.play(begin)
    yield theatre
    monkeypatch.setenv(KUBECONFIG_VARIABLE, str(small_cluster.kubeconfig))
    theatre.play(end)
