"""Processes that outlive the command that started them: recorded, found again, ended with their children."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

# The time of boot, which start times are relative to, moves by a second or two in the kernel's own account.
_CLOCK_TOLERANCE_SECONDS = 5.0


@dataclass(frozen=True)
class ProcessRecord:
    """A process, told apart by its start time (Unix seconds) from a later one with the same number."""

    name: str
    pid: int
    create_time: float

    @classmethod
    def of(cls, name: str, pid: int) -> ProcessRecord:
        """The process that has this number now."""
        return cls(name, pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, or None once it has ended."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.create_time) < _CLOCK_TOLERANCE_SECONDS
        except psutil.NoSuchProcess:
            return None
        return process if is_same and not has_ended(process) else None


def has_ended(process: psutil.Process) -> bool:
    """Whether it does not run any more. A zombie has ended: its parent may never ask for the exit code."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop_all(records: Sequence[ProcessRecord], seconds: float) -> None:
    """End processes, the last first, each with its children; kill one that takes longer than `seconds`."""
    for record in reversed(records):
        process = record.process()
        if process is None:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            family = [process, *process.children(recursive=True)]
            process.terminate()
            deadline = time.monotonic() + seconds
            while not all(map(has_ended, family)):
                if time.monotonic() > deadline:
                    process.kill()
                time.sleep(0.05)
