"""One namespace with one operator a worker; every test brings runs of its own."""

from collections.abc import Iterator

import pytest
from support.operator_namespace import OperatorNamespace
from testbed.cluster.small_cluster import SmallCluster


@pytest.fixture(scope="session")
def namespace(small_cluster: SmallCluster) -> Iterator[OperatorNamespace]:
    namespace = OperatorNamespace(small_cluster, "behaviour")
    yield namespace
    namespace.operator.stop()
