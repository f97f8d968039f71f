"""A namespace with a canary Lease for each test, on a control plane where Pods run only by a test's word."""

from collections.abc import Iterator

import pytest
from operator_service.operator_processes import LEASE
from support.namespace import Namespace
from testbed.kubernetes.control_plane import ControlPlane


@pytest.fixture
def namespace(control_plane: ControlPlane, crd: None) -> Iterator[Namespace]:
    namespace = Namespace.create(control_plane, "service")
    namespace.create_object("leases", LEASE)
    yield namespace
    namespace.remove()
