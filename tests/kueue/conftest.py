"""A cluster with Kueue, and in it a namespace with an operator and Pods that end as a test says."""

from collections.abc import Iterator

import pytest
from support.operator_namespace import OperatorNamespace
from testbed.cluster.small_cluster import SmallCluster
from testbed.kueue.manager import Kueue


@pytest.fixture(scope="session")
def kueue_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """Not the one of all tests: Kueue is asked about every Job, and without an answer none can be made."""
    folder = tmp_path_factory.mktemp("kueue-cluster")
    with SmallCluster(folder) as cluster, Kueue(cluster.control_plane, folder / "kueue"):
        yield cluster


@pytest.fixture(scope="session")
def namespace(kueue_cluster: SmallCluster) -> Iterator[OperatorNamespace]:
    namespace = OperatorNamespace(kueue_cluster, "kueue")
    yield namespace
    namespace.operator.stop()
