"""What tests of every folder may ask for."""

from collections.abc import Iterator

import pytest
from cluster.small_cluster import SmallCluster


@pytest.fixture(scope="session")
def small_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """A cluster of this worker's own, started when the first test asks for it. Take a namespace each."""
    with SmallCluster(tmp_path_factory.mktemp("small-cluster")) as cluster:
        yield cluster
