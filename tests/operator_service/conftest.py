"""A real API server with the real Job controller, and a namespace with a canary Lease for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from operator_service.workplace import Workplace
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.crd import wait_until_established
from testbed.waiting import eventually

CRD = Path(__file__).parents[2] / "crds" / "collectiveruns.yaml"


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as control_plane:
        install_definition(control_plane)
        yield control_plane


@pytest.fixture
def workplace(api_server: ControlPlane, tmp_path: Path) -> Iterator[Workplace]:
    workplace = Workplace(api_server, f"service-{uuid4().hex[:8]}", tmp_path)
    workplace.kubectl("create", "namespace", workplace.namespace)
    workplace.make_lease()
    yield workplace
    workplace.kubectl("delete", "namespace", workplace.namespace, "--wait=false")


def install_definition(control_plane: ControlPlane) -> None:
    """Install the CRD and wait until it is served."""
    workplace = Workplace(control_plane, "default", Path())
    workplace.kubectl("create", "-f", str(CRD))
    # One that was just deleted may be served for another moment: the new one has to be established.
    wait_until_established(workplace.kubectl)
    eventually(lambda: workplace.does("get", "collectiveruns"), "the definition is served")
