"""What tests of every folder may ask for."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from testbed.cluster.small_cluster import SmallCluster

# On a loaded machine an example may take any time; that says nothing about what is tested.
settings.register_profile("loaded", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded")


@pytest.fixture(scope="session")
def small_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """A cluster of this worker's own, started when the first test asks for it. Take a namespace each."""
    with SmallCluster(tmp_path_factory.mktemp("small-cluster")) as cluster:
        yield cluster
