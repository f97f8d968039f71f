"""Servers that outlive the command that started them, found again by the files in their command lines."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import psutil


def servers_in(folder: Path) -> list[psutil.Process]:
    """Servers with a file of the folder in their command line, the first started first.

    Each of ours leads a session, and a command with which a person reads a log does not.
    """
    argument = re.compile(rf"(-{{1,2}}[\w.-]+=)?{re.escape(str(folder))}/")
    processes = psutil.process_iter(["cmdline", "create_time"])
    servers = [
        process
        for process in processes
        if any(map(argument.match, process.info["cmdline"] or [])) and _leads_a_session(process.pid)
    ]
    return sorted(servers, key=lambda process: process.info["create_time"])


def has_ended(process: psutil.Process) -> bool:
    """Whether it does not run any more. A zombie has ended: its parent may never ask for the exit code."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop_all(processes: Sequence[psutil.Process], seconds: float) -> None:
    """End processes, the last first, each with its children; kill one that takes longer than `seconds`."""
    for process in reversed(processes):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            family = [process, *process.children(recursive=True)]
            process.terminate()
            deadline = time.monotonic() + seconds
            while not all(map(has_ended, family)):
                if time.monotonic() > deadline:
                    process.kill()
                time.sleep(0.05)


def _leads_a_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False
