"""A small cluster that stays when the command that started it ends, and is found again by its folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from cluster.daemon import ProcessRecord, stop_all
from cluster.object_store import ObjectStore
from cluster.small_cluster import SmallCluster

_RECORD = "cluster.json"


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
        cluster.stop()
        raise
    record = {
        "processes": [record.document() for record in cluster.records],
        "objectStore": asdict(cluster.object_store),
    }
    path = folder / _RECORD
    path.touch(mode=0o600)  # it holds the keys
    path.write_text(json.dumps(record))
    return cluster


def find(folder: Path) -> SmallCluster | None:
    """The cluster that runs in the folder, or None. It can be used, not stopped, by what this returns."""
    record = _read(folder)
    if record is None or not all(process.process() for process in _processes(record)):
        return None
    cluster = SmallCluster(folder, outlive=True, with_crd=False)
    cluster.object_store = ObjectStore(**record["objectStore"])
    return cluster


def remove(folder: Path) -> bool:
    """End what runs in the folder, or is left there, and remove it. Returns whether there was anything."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    record = _read(folder)
    if record is None and not (folder / "control-plane").exists():
        raise StandingClusterError(f"{folder} is no cluster's: name an empty folder.")
    if record is not None:
        stop_all(_processes(record))
    shutil.rmtree(folder)
    return True


def _read(folder: Path) -> dict[str, dict[str, object]] | None:
    path = folder / _RECORD
    return json.loads(path.read_text()) if path.exists() else None


def _processes(record: dict[str, dict[str, object]]) -> list[ProcessRecord]:
    return [ProcessRecord(**process) for process in record["processes"]]
