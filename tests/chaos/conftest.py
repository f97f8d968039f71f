"""The cluster of the tests that are about the operator alone."""

from collections.abc import Iterator

import pytest
from chaos.mimicking_cluster import mimicking_cluster as a_mimicking_cluster
from testbed.small_cluster import SmallCluster


@pytest.fixture(scope="session")
def mimicking_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """A cluster of this worker's own whose Pods report a result after a moment."""
    with a_mimicking_cluster(tmp_path_factory.mktemp("mimicking")) as cluster:
        yield cluster
