"""The cluster of the tests that are about the operator alone."""

from collections.abc import Iterator

import pytest
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubelet import SIMULATED


@pytest.fixture(scope="session")
def simulated_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """A cluster of this worker's own whose Pods report a result after a moment."""
    with SmallCluster(tmp_path_factory.mktemp("simulated-pods"), pods=SIMULATED) as cluster:
        yield cluster
