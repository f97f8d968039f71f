"""What the tests of the kubelet share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed.cluster.small_cluster import SmallCluster
from unit_testbed.pods import PodNamespace


@pytest.fixture(scope="module")
def pods(small_cluster: SmallCluster) -> Iterator[PodNamespace]:
    """A namespace for a module's Pods."""
    pods = PodNamespace(small_cluster)
    yield pods
    pods.kubectl("delete", "namespace", pods.namespace, "--wait=false")


@pytest.fixture
def signal_file(tmp_path: Path) -> Path:
    """A file that containers wait for."""
    return tmp_path / "signal_file"
