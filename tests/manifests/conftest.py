"""An API server with the definition, for the tests that ask what a real one does with it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from manifests.kubectl import Kubectl
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.crd import wait_until_established

CRD = Path(__file__).parents[2] / "crds" / "collectiveruns.yaml"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with ControlPlane(tmp_path_factory.mktemp("manifests")) as control_plane:
        kubectl = Kubectl(control_plane.kubeconfig)
        kubectl("apply", "--filename", str(CRD))
        wait_until_established(kubectl)
        kubectl.wait_for_fields()
        yield kubectl


@pytest.fixture
def kubectl(cluster: Kubectl) -> Kubectl:
    """In a namespace of its own."""
    namespace = f"runs-{uuid4().hex[:8]}"
    cluster("create", "namespace", namespace)
    return Kubectl(cluster.kubeconfig, namespace)
