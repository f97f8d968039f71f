"""One cluster with real containers for the whole session."""

from collections.abc import Iterator

import pytest
from cluster import binaries, client_tools
from e2e import own_network
from e2e.container_cluster import ContainerCluster
from e2e.container_images import CACHE
from filelock import FileLock


@pytest.fixture(scope="session")
def container_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerCluster]:
    """The cluster, with the chart installed."""
    # What may have to be fetched must be there before the network is left.
    for provide in (binaries.control_plane_binaries, binaries.kubelet_binary, client_tools.kubectl):
        provide()
    with FileLock(CACHE / "node.lock"):  # one node at a time has the imported images
        own_network.enter()
        with ContainerCluster(tmp_path_factory.mktemp("containers")) as cluster:
            try:
                cluster.install()
                yield cluster
            finally:
                print(cluster.container_node.logs())
