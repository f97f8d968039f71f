"""A cluster with Kueue, and in it a namespace with an operator and Pods that end as a test says."""

from collections.abc import Iterator

import pytest
from support.operator_namespace import OperatorNamespace
from testbed.cluster.small_cluster import SmallCluster
from testbed.kueue.manager import Kueue


@pytest.fixture(scope="session")
def kueue_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """Not the one of all tests: Kueue is asked about every Job, and without an answer none can be made."""
    with SmallCluster(tmp_path_factory.mktemp("kueue-cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kueue(kueue_cluster: SmallCluster) -> Iterator[Kueue]:
    """Kueue; a test that kills it starts it again."""
    with Kueue(kueue_cluster.control_plane, kueue_cluster.folder / "kueue") as kueue:
        yield kueue


@pytest.fixture(scope="session")
def namespace(kueue_cluster: SmallCluster, kueue: Kueue) -> Iterator[OperatorNamespace]:
    namespace = OperatorNamespace(kueue_cluster, "kueue")
    yield namespace
    namespace.operator.stop()
