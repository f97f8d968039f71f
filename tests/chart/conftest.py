"""A control plane without nodes for the chart's tests: nothing runs there but what a test starts."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from chart.cluster_commands import CRD, ChartCommands
from testbed.kubernetes.control_plane import ControlPlane


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as control_plane:
        yield control_plane


@pytest.fixture(scope="session")
def clients(control_plane: ControlPlane) -> ChartCommands:
    return ChartCommands(control_plane.kubeconfig, control_plane.folder)


@pytest.fixture
def namespace(clients: ChartCommands) -> Iterator[str]:
    """A fresh one; afterwards no release and no definition is left."""
    name = f"release-{uuid4().hex[:8]}"
    clients.kubectl("create", "namespace", name)
    yield name
    for place in clients.names("namespaces"):
        if place.startswith(f"namespace/{name}"):  # all that came before have been seen to
            clients.uninstall_all(place.removeprefix("namespace/"))
    clients.kubectl("delete", "crd", CRD, "--ignore-not-found")


@pytest.fixture
def second_namespace(clients: ChartCommands, namespace: str) -> str:
    clients.kubectl("create", "namespace", f"{namespace}-b")
    return f"{namespace}-b"
