"""A small cluster that stays when the command that started it ends, and is found again by its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from testbed.cluster.small_cluster import SmallCluster
from testbed.kueue.manager import Kueue
from testbed.processes.daemon import STOP_LIMIT_SECONDS
from testbed.processes.left_running import servers_in, stop_all

# How many servers there are, once all have been started.
_STARTED = "servers"
_KUEUE = "kueue"


class StandingClusterError(RuntimeError):
    """The folder can't be used; the message says what to do."""


def start(folder: Path) -> SmallCluster:
    """Start a cluster that stays. StandingClusterError if the folder holds anything else."""
    if find(folder) is not None:
        raise StandingClusterError(f"A cluster runs in {folder} already.")
    remove(folder)
    cluster = SmallCluster(folder, outlive=True, with_crd=False)  # it comes with the chart
    try:
        cluster.start()
    except BaseException:
        cluster.kill()
        raise
    cluster.object_store.save()
    _count_servers(folder)
    return cluster


def find(folder: Path) -> SmallCluster | None:
    """The cluster that runs in the folder, or None. It can be used, not stopped, by what this returns."""
    count = folder / _STARTED
    if not count.exists() or len(servers_in(folder)) < int(count.read_text()):
        return None
    return SmallCluster(folder, outlive=True, with_crd=False)


def add_kueue(cluster: SmallCluster) -> None:
    """Start Kueue beside a cluster that stays, to stay as long."""
    folder = cluster.folder / _KUEUE
    stop_all(servers_in(folder), STOP_LIMIT_SECONDS)  # one whose start was killed
    kueue = Kueue(cluster.control_plane, folder, outlive=True)
    try:
        kueue.start()
    except BaseException:
        kueue.kill()
        raise
    (folder / _STARTED).touch()
    _count_servers(cluster.folder)


def has_kueue(folder: Path) -> bool:
    """Whether the cluster that runs in the folder has Kueue."""
    return (folder / _KUEUE / _STARTED).exists()


def remove(folder: Path) -> bool:
    """End what runs in the folder, or is left there, and remove it. Returns whether there was anything."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    if not (folder / "control-plane").exists():
        raise StandingClusterError(f"{folder} is no cluster's: name an empty folder.")
    stop_all(servers_in(folder), STOP_LIMIT_SECONDS)
    shutil.rmtree(folder)
    return True


def _count_servers(folder: Path) -> None:
    (folder / _STARTED).write_text(str(len(servers_in(folder))))
