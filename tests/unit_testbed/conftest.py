"""What the tests of the node of processes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed.cluster.small_cluster import SmallCluster
from unit_testbed.pods import PodPlace


@pytest.fixture(scope="module")
def place(small_cluster: SmallCluster) -> Iterator[PodPlace]:
    """A namespace for a module's Pods."""
    place = PodPlace(small_cluster)
    yield place
    place.cluster.kubectl("delete", "namespace", place.namespace, "--wait=false")


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """A file that containers wait for."""
    return tmp_path / "go"
