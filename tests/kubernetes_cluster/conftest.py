"""A real API server with the real Job controller, the CRD installed, and a namespace for each test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cluster.control_plane import ControlPlane
from kubernetes_cluster.scene import Stage, Theatre, eventually, new_namespace

from collectiverun_operator.cluster import kubernetes_paths as paths
from collectiverun_operator.cluster.kubernetes_client import KUBECONFIG_VARIABLE, connect
from collectiverun_operator.cluster.kubernetes_requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError

CRD = Path(__file__).parents[2] / "crds" / "collectiveruns.yaml"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with (
        ControlPlane(tmp_path_factory.mktemp("control-plane")) as control_plane,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv(KUBECONFIG_VARIABLE, str(control_plane.kubeconfig))
        asyncio.run(_install())
        yield control_plane


@pytest.fixture
def theatre(api_server: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theatre]:
    monkeypatch.setenv(KUBECONFIG_VARIABLE, str(api_server.kubeconfig))
    namespace = new_namespace()
    name = namespace["metadata"]["name"]
    theatre = Theatre(api_server.kubeconfig, name)

    async def begin(stage: Stage) -> None:
        await stage.admin.send("create", "/api/v1/namespaces", body=namespace)

    async def end(stage: Stage) -> None:
        await stage.admin.send("delete", f"/api/v1/namespaces/{name}")

    theatre.play(begin)
    yield theatre
    theatre.play(end)


async def _install() -> None:
    api = await connect()
    requests = KubernetesRequests(api)
    await requests.send("create", CRDS, body=yaml.safe_load(CRD.read_text()))

    async def is_served() -> bool | None:
        try:
            await requests.send("list", paths.runs())
        except ClusterError:
            return None
        return True

    await eventually(is_served)
    await api.close()
