"""State directories as they are read by somebody who drives no run: nothing is locked and nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from collectiverun_operator.cluster.local.journal import Event, read_journal
from collectiverun_operator.cluster.local.state_dir import (
    DRIVER_FILE,
    JOURNAL_FILE,
    RUN_FILE,
    DamagedStateError,
    read_json,
    read_run_document,
)

_CLOCK_SECONDS = 2.0  # by which the start of a process and a heartbeat may disagree


@dataclass(frozen=True)
class LocalRecord:
    """A run as its state directory has it: the document, the journal, and whether a command drives it now."""

    folder: Path
    body: dict[str, Any]
    events: tuple[Event, ...]
    is_driven: bool


def record_folders(cache: Path) -> Iterator[Path]:
    """The state directories below a cache folder that hold a run."""
    yield from (path.parent for path in sorted(cache.glob(f"*/{RUN_FILE}")))


def read_record(folder: Path) -> LocalRecord:
    """The run in a state directory. Raises DamagedStateError; OSError if it can't be read."""
    body = read_run_document(folder / RUN_FILE)
    return LocalRecord(folder, body, tuple(read_journal(folder / JOURNAL_FILE)), is_driven(folder))


def is_driven(folder: Path) -> bool:
    """Whether the process that gave the last sign of life is still there: it, and no later one of its number.

    Asking for the lock would tell as well, but hold it for a moment, in which a command could not begin.
    """
    try:
        driver = read_json(folder / DRIVER_FILE)
        began = psutil.Process(int(driver["processId"])).create_time()
        return bool(began <= float(driver["heartbeatTime"]) + _CLOCK_SECONDS)
    except (OSError, DamagedStateError, KeyError, TypeError, ValueError, psutil.Error):
        return False
