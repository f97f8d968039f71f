"""One cluster with real containers for the whole session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e import own_network
from e2e.container_cluster import RELEASE, SYSTEM, ContainerCluster
from e2e.node import LOCK
from filelock import FileLock
from testbed.kubernetes.client_tools import CommandError
from testbed.programs import binaries
from testbed.programs.helm import helm

_PROGRAMS = (
    binaries.control_plane_binaries,
    binaries.kubelet_binary,
    binaries.containerd_folder,
    binaries.kueue_folder,
)
KILLED_SESSION = "test_killed_session.py"
ACCOUNT = pytest.StashKey[str]()
# Of one test, with the start of the cluster in it where it is the first.
LIMIT_SECONDS = 1200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Containers take their time; the killed session comes first, because there is one node at a time."""
    items.sort(key=lambda item: item.path.name != KILLED_SESSION)
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))


@pytest.fixture(scope="session")
def container_cluster(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[ContainerCluster]:
    """The cluster, with the chart installed."""
    # What may have to be fetched must be there before the network is left.
    for provide in (*_PROGRAMS, helm):
        provide()
    cluster = ContainerCluster(tmp_path_factory.mktemp("containers"))
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(LOCK):
        own_network.enter()
        try:
            cluster.start()
            cluster.install()
            yield cluster
        finally:
            pytestconfig.stash[ACCOUNT] = account(cluster)
            cluster.kill()


def account(cluster: ContainerCluster) -> str:
    """The last output of the node and the operator."""
    looks = (
        ("get", "pods", "--all-namespaces", "--output", "wide"),
        ("--namespace", SYSTEM, "logs", f"deployment/{RELEASE}-operator", "--tail=50"),
    )
    texts = [cluster.container_node.logs()]
    for look in looks:
        try:
            texts.append(cluster.kubectl("--request-timeout=20s", *look))
        except CommandError as error:
            texts.append(str(error))
    return "\n".join(texts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Where something failed, the cluster's logs show why."""
    failed = terminalreporter.stats.get("failed", []) + terminalreporter.stats.get("error", [])
    if failed and ACCOUNT in config.stash:
        terminalreporter.write_line(config.stash[ACCOUNT])
