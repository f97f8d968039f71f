"""The state directory of a run on this machine: one folder, one lock, every document replaced whole.

`<system cache>/collectiverun/<uid>/` holds `run.json` (spec and status), `jobs/<name>.json` (Job, Pod and
process), `logs/`, `history.jsonl`, `driver.json` and `lock`. A `kill -9` at any moment leaves either the old
or the new document, never a part of one.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from collectiverun_operator.cluster.local.documents import WrongDocumentError, check_attempt, check_run
from collectiverun_operator.cluster.local.journal import Journal
from collectiverun_operator.errors import CollectiveRunError

HEARTBEAT_SECONDS = 10.0
# What shared folders and some FUSE and SMB file systems answer; a full or broken disk answers otherwise.
_CANNOT_SYNCHRONISE = frozenset(
    {
        errno.EINVAL,
        errno.ENOTSUP,
        errno.ENOSYS,
        errno.ENOTTY,
        errno.EBADF,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
    }
)
_logger = logging.getLogger(__name__)
DRIVER_FILE, RUN_FILE, JOURNAL_FILE = "driver.json", "run.json", "history.jsonl"
_REMEDY = (
    "restore it, or remove the state directory it lies in and run the same command again: "
    "what is published in storage is taken over, the rest is done again"
)


class AlreadyDrivenError(CollectiveRunError):
    """Another process drives this run on this machine."""


class DamagedStateError(CollectiveRunError):
    """A document of the state directory is not what was written there."""


class StateDir:
    """The state directory of a run, locked for this process from `open` to `close`."""

    def __init__(self, folder: Path, lock: FileLock, run_uid: str = "") -> None:
        self.folder = folder
        self._run_uid = run_uid
        self.journal = Journal(folder / JOURNAL_FILE)
        self.last_heartbeat_time = self._read_heartbeat()
        self._lock = lock
        self._next_heartbeat = 0.0
        self.journal.append("driverStarted", processId=os.getpid())
        self.beat()

    @classmethod
    def open(cls, folder: Path, run_uid: str = "") -> Self:
        """Lock and open the directory; it is created if it is missing.

        Documents of another run than that of `run_uid` are refused when they are read, if that is given.
        Raises AlreadyDrivenError with a sentence if another process holds it, OSError if it can't be written.
        """
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", blocking=False)
        try:
            lock.acquire()
        except Timeout:
            raise AlreadyDrivenError(_driven_sentence(folder)) from None
        return cls(folder, lock, run_uid)

    def close(self) -> None:
        """Write the end to the journal and release the lock."""
        self.journal.append("driverEnded", processId=os.getpid())
        self._lock.release()

    def beat(self) -> None:
        """Write a heartbeat, at most every 10 s."""
        now = time.monotonic()
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            write_json(self._driver, {"processId": os.getpid(), "heartbeatTime": time.time()})

    def read_run(self) -> dict[str, Any] | None:
        """The run as last written; None if it is new. Raises DamagedStateError."""
        if not self._run.exists():
            return None
        return read_run_document(self._run, self._run_uid)

    def write_run(self, run: dict[str, Any]) -> None:
        """Replace the run's document."""
        write_json(self._run, run)

    def read_jobs(self) -> list[dict[str, Any]]:
        """The document of every Job. Raises DamagedStateError."""
        return [self._read_job(path) for path in sorted((self.folder / "jobs").glob("*.json"))]

    def write_job(self, name: str, document: dict[str, Any]) -> None:
        """Replace one Job's document."""
        write_json(self._job(name), document)

    def remove_job(self, name: str) -> None:
        """Delete a Job's document; the journal and the logs stay."""
        self._job(name).unlink(missing_ok=True)
        synchronise(self._job(name).parent)

    def log_path(self, phase: str, member: str, attempt: int, ending: str) -> Path:
        """See the function of this name."""
        return log_path(self.folder, phase, member, attempt, ending)

    @property
    def _run(self) -> Path:
        return self.folder / RUN_FILE

    @property
    def _driver(self) -> Path:
        """Who drives, or drove last, and its heartbeat."""
        return self.folder / DRIVER_FILE

    def _read_job(self, path: Path) -> dict[str, Any]:
        document = read_json(path)
        with _told_with(path):
            check_attempt(document, path.stem, self._run_uid)
        return document

    def _job(self, name: str) -> Path:
        """Job, Pod and process of one attempt."""
        return self.folder / "jobs" / f"{name}.json"

    def _read_heartbeat(self) -> float | None:
        """None also if it can't be read: the time since then then counts as worked."""
        told = _driver_document(self._driver).get("heartbeatTime")
        return float(told) if isinstance(told, int | float) else None


def _driven_sentence(folder: Path) -> str:
    number = _driver_document(folder / DRIVER_FILE).get("processId")
    who = f"process {number}" if number else "another process"
    text = f"this run is already driven by {who} on this machine; wait for it or stop it"
    return f"{text} (state directory: {folder})"


def _driver_document(path: Path) -> dict[str, Any]:
    """What a driver wrote of itself; empty if it is missing or damaged, for nothing depends on it."""
    try:
        return read_json(path) if path.exists() else {}
    except DamagedStateError:
        return {}


@contextmanager
def _told_with(path: Path) -> Iterator[None]:
    """Where a document is not what belongs there, the error names its file and what to do."""
    try:
        yield
    except WrongDocumentError as error:
        raise DamagedStateError(f"{path} is not what was written there ({error}); {_REMEDY}") from None


def log_path(folder: Path, phase: str, member: str, attempt: int, ending: str) -> Path:
    """What an attempt wrote, below a state directory: `log` to standard error, `jsonl` to standard output."""
    return folder / "logs" / phase / member / f"attempt-{attempt}.{ending}"


def read_run_document(path: Path, run_uid: str = "") -> dict[str, Any]:
    """The run in a `run.json`, of that uid if one is given. Raises DamagedStateError with a sentence."""
    document = read_json(path)
    with _told_with(path):
        check_run(document, run_uid)
    return document


def read_json(path: Path) -> dict[str, Any]:
    """The document in a file. Raises DamagedStateError with a sentence."""
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise DamagedStateError(f"{path} is damaged ({error}); {_REMEDY}") from None
    if not isinstance(document, dict):
        raise DamagedStateError(f"{path} is damaged (it holds no mapping); {_REMEDY}")
    return document


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
    """Bring a folder's entries to disk, if its file system can do that; if not, say so once."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNCHRONISE:
            raise
        _say_unsynchronised(str(error))


@cache
def _say_unsynchronised(why: str) -> None:
    _logger.warning(
        "The file system of the state directory can't bring a folder to disk (%s): after a power failure "
        "what the run did last may be forgotten and done again; --cache DIR puts it elsewhere.",
        why,
    )
