"""An API server with the CRD, for the tests that ask what a real one does with it."""

import pytest
from support.namespace import Namespace
from testbed.kubernetes.control_plane import ControlPlane


@pytest.fixture
def namespace(control_plane: ControlPlane, crd: None) -> Namespace:
    return Namespace.create(control_plane, "runs")
