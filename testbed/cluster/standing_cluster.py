"""A small cluster that stays when the command that started it ends, and is found again by its folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import psutil

from testbed.cluster.small_cluster import SmallCluster
from testbed.kueue.manager import Kueue
from testbed.processes.daemon import STOP_LIMIT_SECONDS
from testbed.processes.process_record import ProcessRecord, stop_all

_RECORD = "testbed.json"
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
    _write(folder, cluster.records)
    return cluster


def find(folder: Path) -> SmallCluster | None:
    """The cluster that runs in the folder, or None. It can be used, not stopped, by what this returns."""
    records = _read(folder)
    if records is None or not all(record.process() for record in records):
        return None
    return SmallCluster(folder, outlive=True, with_crd=False)


def add_kueue(cluster: SmallCluster) -> None:
    """Start Kueue beside a cluster that stays, to stay as long."""
    folder = cluster.folder / _KUEUE
    _end_unrecorded(folder)
    kueue = Kueue(cluster.control_plane, folder, outlive=True)
    try:
        kueue.start()
    except BaseException:
        kueue.kill()
        raise
    _write(cluster.folder, [*(_read(cluster.folder) or []), kueue.record])


def has_kueue(folder: Path) -> bool:
    """Whether the cluster that runs in the folder has Kueue."""
    return any(record.name == _KUEUE for record in _read(folder) or [])


def remove(folder: Path) -> bool:
    """End what runs in the folder, or is left there, and remove it. Returns whether there was anything."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    records = _read(folder)
    if records is None and not (folder / "control-plane").exists():
        raise StandingClusterError(f"{folder} is no cluster's: name an empty folder.")
    stop_all(records or [], STOP_LIMIT_SECONDS)
    _end_unrecorded(folder)
    shutil.rmtree(folder)
    return True


def _end_unrecorded(folder: Path) -> None:
    """End servers whose start was killed before they were recorded: by the files in their command lines."""
    argument = re.compile(rf"(-{{1,2}}[\w.-]+=)?{re.escape(str(folder))}/")
    servers = [
        ProcessRecord(process.info["name"], process.pid, process.info["create_time"])
        for process in psutil.process_iter(["name", "cmdline", "create_time"])
        if any(map(argument.match, process.info["cmdline"] or [])) and _leads_a_session(process.pid)
    ]
    stop_all(servers, STOP_LIMIT_SECONDS)


def _leads_a_session(pid: int) -> bool:
    """As each server does, and a command with which a person reads its log does not."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def _read(folder: Path) -> list[ProcessRecord] | None:
    path = folder / _RECORD
    return [ProcessRecord(**record) for record in json.loads(path.read_text())] if path.exists() else None


def _write(folder: Path, records: list[ProcessRecord]) -> None:
    (folder / _RECORD).write_text(json.dumps([asdict(record) for record in records]))
