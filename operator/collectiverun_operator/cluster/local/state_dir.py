"""The run's record on this machine: one folder, one lock, every document replaced whole.

`<system cache>/collectiverun/<uid>/` holds `run.json` (spec and status), `jobs/<name>.json` (Job, Pod and
process), `logs/`, `history.jsonl`, `driver.json` and `lock`. A `kill -9` at any moment leaves either the old
or the new document, never half of one.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from collectiverun_operator.cluster.local.journal import History
from collectiverun_operator.errors import CollectiveRunError

HEARTBEAT_SECONDS = 10.0


class AlreadyDrivenError(CollectiveRunError):
    """Another process drives this run on this machine."""


@dataclass(frozen=True)
class RecordPaths:
    """Where things lie in a run's record."""

    folder: Path

    @property
    def run(self) -> Path:
        """Spec and status."""
        return self.folder / "run.json"

    @property
    def history(self) -> Path:
        """The journal."""
        return self.folder / "history.jsonl"

    @property
    def driver(self) -> Path:
        """Who drives, or drove last, and its heartbeat."""
        return self.folder / "driver.json"

    def job(self, name: str) -> Path:
        """Job, Pod and process of one attempt."""
        return self.folder / "jobs" / f"{name}.json"

    def log_folder(self, phase: str, member: str) -> Path:
        """Logs of a member: `attempt-<n>.log` (stderr) and `attempt-<n>.jsonl` (stdout)."""
        return self.folder / "logs" / phase / member


class RunRecord:
    """A run's record, locked for this process from `open` to `close`."""

    def __init__(self, folder: Path, lock: FileLock) -> None:
        self.paths = RecordPaths(folder)
        self.history = History(self.paths.history)
        self.last_heartbeat_time = self._read_heartbeat()
        self._lock = lock
        self._next_heartbeat = 0.0
        self.history.append("driverStarted", processId=os.getpid())
        self.beat()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Lock and open the record, making it where it is missing.

        Raises AlreadyDrivenError with a sentence if another process holds it, OSError if it can't be written.
        """
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", blocking=False)
        try:
            lock.acquire()
        except Timeout:
            raise AlreadyDrivenError(_driven_sentence(folder)) from None
        return cls(folder, lock)

    def close(self) -> None:
        """Note the end and give the lock back."""
        self.history.append("driverEnded", processId=os.getpid())
        self._lock.release()

    def beat(self) -> None:
        """Leave a sign of life, at most every 10 s."""
        now = time.monotonic()
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            write_json(self.paths.driver, {"processId": os.getpid(), "heartbeatTime": time.time()})

    def read_run(self) -> dict[str, Any] | None:
        """The run as last written; None on a new record."""
        return read_json(self.paths.run) if self.paths.run.exists() else None

    def write_run(self, run: dict[str, Any]) -> None:
        """Replace the run's document."""
        write_json(self.paths.run, run)

    def read_jobs(self) -> list[dict[str, Any]]:
        """The documents of all Jobs that are there."""
        return [read_json(path) for path in sorted((self.paths.folder / "jobs").glob("*.json"))]

    def write_job(self, name: str, document: dict[str, Any]) -> None:
        """Replace one Job's document."""
        write_json(self.paths.job(name), document)

    def remove_job(self, name: str) -> None:
        """Forget a Job; the journal and the logs stay."""
        self.paths.job(name).unlink(missing_ok=True)
        synchronise(self.paths.job(name).parent)

    def _read_heartbeat(self) -> float | None:
        return read_json(self.paths.driver)["heartbeatTime"] if self.paths.driver.exists() else None


def _driven_sentence(folder: Path) -> str:
    driver = RecordPaths(folder).driver
    who = f"process {read_json(driver)['processId']}" if driver.exists() else "another process"
    return f"this run is already driven by {who} on this machine; wait for it or stop it (record: {folder})"


def read_json(path: Path) -> Any:
    """The document in a file."""
    return json.loads(path.read_text())


def write_json(path: Path, document: Any) -> None:
    """Replace a file by a document: written aside, synchronised, renamed, folder synchronised."""
    aside = path.with_name(f".{path.name}.new")
    with aside.open("w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    synchronise(path.parent)


def synchronise(folder: Path) -> None:
    """Bring a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
