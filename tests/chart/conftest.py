"""Namespaces of a control plane without nodes and CRD: nothing runs there but what a test starts."""

from collections.abc import Iterator

import pytest
from chart.chart_namespace import ChartNamespace
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.crd import NAME


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[ChartNamespace]:
    """A fresh one; before and afterwards there is no CRD."""
    namespace = ChartNamespace.create(control_plane, "release")
    namespace.kubectl("delete", "crd", NAME, "--ignore-not-found")
    yield namespace
    namespace.uninstall_all()
    namespace.kubectl("delete", "crd", NAME, "--ignore-not-found")


@pytest.fixture
def second_namespace(control_plane: ControlPlane, namespace: ChartNamespace) -> Iterator[ChartNamespace]:
    second = ChartNamespace.create(control_plane, "release")
    yield second
    second.uninstall_all()
