"""A namespace on a real API server for each test, and the operator's cluster connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from kubernetes_cluster.blocking_cluster import BlockingCluster
from support.namespace import Namespace
from testbed.cluster.small_cluster import SmallCluster

from collectiverun_operator.cluster.kubernetes.client import KUBECONFIG_VARIABLE


@pytest.fixture
def namespace(small_cluster: SmallCluster) -> Iterator[Namespace]:
    namespace = Namespace.create(small_cluster.control_plane, "cluster")
    yield namespace
    namespace.remove()


@pytest.fixture
def connect(
    small_cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., BlockingCluster]]:
    """Connects as an administrator, with options of KubernetesCluster."""
    monkeypatch.setenv(KUBECONFIG_VARIABLE, str(small_cluster.kubeconfig))
    with ExitStack() as clusters:
        yield lambda **options: clusters.enter_context(closing(BlockingCluster(**options)))


@pytest.fixture
def cluster(connect: Callable[..., BlockingCluster]) -> BlockingCluster:
    return connect()
