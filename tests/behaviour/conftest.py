"""One namespace with one operator a worker; every test brings runs of its own."""

from collections.abc import Iterator

import pytest
from behaviour.place import Place
from testbed.cluster.small_cluster import SmallCluster


@pytest.fixture(scope="session")
def place(small_cluster: SmallCluster) -> Iterator[Place]:
    found = Place(small_cluster, small_cluster.namespace("behaviour"))
    yield found
    found.operator.stop()
