"""What tests of every folder may ask for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from support.namespace import Namespace
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.crd import install_crd
from testbed.waiting import eventually
from xdist.scheduler import LoadScopeScheduling

# On a loaded machine an example may take any time; that says nothing about what is tested.
settings.register_profile("loaded", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded")

# Folders whose tests share a cluster, and the name for what they share.
CLUSTERS = {
    "kueue": "kueue",
    "chaos": "simulated",
    "behaviour": "small",
    "kubernetes_cluster": "small",
    "unit_testbed": "small",
    "chart": "control plane",
    "manifests": "control plane",
    "operator_service": "control plane",
}
# Folders in the order in which their tests begin: long ones first, or they would be alone at the end.
FIRST = (*CLUSTERS, "examples", "phases")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first."""
    turns = {folder: turn for turn, folder in enumerate(FIRST)}
    items.sort(key=lambda item: turns.get(item.path.parent.name, len(FIRST)))


class OneWorkerACluster(LoadScopeScheduling):
    """What shares a cluster is run by one worker, so that it is started once; of the rest a file is."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return CLUSTERS.get(path.parent.name, str(path))


@pytest.hookimpl(optionalhook=True)  # without xdist nobody asks
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerACluster:
    return OneWorkerACluster(config, log)


@pytest.fixture(scope="session")
def small_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """A cluster of this worker's own, started when the first test asks for it. Take a namespace each."""
    with SmallCluster(tmp_path_factory.mktemp("small-cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of this worker's own without nodes and CRD: tests stand in for the nodes."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def crd(control_plane: ControlPlane) -> None:
    """The CRD on it, whatever the module before left there, with its fields for `kubectl explain`."""
    default = Namespace(control_plane, "default")
    install_crd(default.kubectl)
    eventually(lambda: default.succeeds("explain", "collectiverun.spec"), "the CRD's fields")
