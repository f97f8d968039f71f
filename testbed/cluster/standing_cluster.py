"""A small cluster that stays when the command that started it ends, and is found again by its folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from testbed.cluster.small_cluster import SmallCluster
from testbed.kueue.manager import Kueue
from testbed.object_store import ObjectStore
from testbed.processes.daemon import ProcessRecord, stop_all

_RECORD = "testbed.json"
_KUEUE = "kueue"
Record = dict[str, Any]


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
    processes = [record.document() for record in cluster.records]
    _write(folder, {"processes": processes, "objectStore": asdict(cluster.object_store)})
    return cluster


def find(folder: Path) -> SmallCluster | None:
    """The cluster that runs in the folder, or None. It can be used, not stopped, by what this returns."""
    record = _read(folder)
    if record is None or not all(process.process() for process in _processes(record)):
        return None
    cluster = SmallCluster(folder, outlive=True, with_crd=False)
    cluster.object_store = ObjectStore(**record["objectStore"])
    return cluster


def add_kueue(folder: Path) -> None:
    """Start Kueue beside the cluster that runs in the folder, to stay as long."""
    cluster, record = find(folder), _read(folder)
    assert cluster is not None and record is not None, f"no cluster runs in {folder}"
    _end_unrecorded(folder / _KUEUE)
    kueue = Kueue(cluster.control_plane, folder / _KUEUE, outlive=True)
    try:
        kueue.start()
    except BaseException:
        kueue.kill()
        raise
    record["processes"].append(kueue.record.document())
    _write(folder, record)


def has_kueue(folder: Path) -> bool:
    """Whether the cluster that runs in the folder has Kueue."""
    record = _read(folder)
    return record is not None and any(process.name == _KUEUE for process in _processes(record))


def remove(folder: Path) -> bool:
    """End what runs in the folder, or is left there, and remove it. Returns whether there was anything."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    record = _read(folder)
    if record is None and not (folder / "control-plane").exists():
        raise StandingClusterError(f"{folder} is no cluster's: name an empty folder.")
    if record is not None:
        stop_all(_processes(record))
    _end_unrecorded(folder)
    shutil.rmtree(folder)
    return True


def _end_unrecorded(folder: Path) -> None:
    """End servers whose start was killed before they were written down: by the files that they are given."""
    given = re.compile(rf"(-{{1,2}}[\w.-]+=)?{re.escape(str(folder))}/")
    stop_all(
        [
            ProcessRecord(process.info["name"], process.pid, process.info["create_time"])
            for process in psutil.process_iter(["name", "cmdline", "create_time"])
            if any(map(given.match, process.info["cmdline"] or [])) and _is_server(process.pid)
        ]
    )


def _is_server(pid: int) -> bool:
    """As a person's look into a file there is not: each server leads a session."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def _read(folder: Path) -> Record | None:
    path = folder / _RECORD
    return json.loads(path.read_text()) if path.exists() else None


def _write(folder: Path, record: Record) -> None:
    path = folder / _RECORD
    path.touch(mode=0o600)  # it holds the keys
    path.write_text(json.dumps(record))


def _processes(record: Record) -> list[ProcessRecord]:
    return [ProcessRecord(**process) for process in record["processes"]]
