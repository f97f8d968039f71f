"""A server as a process of this machine: start, kill, pause, stop; it ends with whoever started it.

That must hold even when the test session is killed: the kernel then ends every server (PR_SET_PDEATHSIG).
Only one that is told to outlive its parent stays, to be found again by its record.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from testbed.waiting import LIMIT_SECONDS

STOP_LIMIT_SECONDS = 15.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_LOG_EXCERPT = 3000
# The kernel's word on when the machine was started, which times are counted from, moves by a second or two.
_SAME_TIME_SECONDS = 5.0


class DaemonError(RuntimeError):
    """A server ended although it should not, or does not answer."""


@dataclass(frozen=True)
class ProcessRecord:
    """A process that may outlive us, told apart from a later one with the same number."""

    name: str
    pid: int
    create_time: float

    def process(self) -> psutil.Process | None:
        """The process, or None once it has ended."""
        try:
            found = psutil.Process(self.pid)
            is_same = abs(found.create_time() - self.create_time) < _SAME_TIME_SECONDS
            return found if is_same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Daemon:
    """One server process, the leader of its own session. Its output goes to `<folder>/<name>.log`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        outlive: bool = False,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log_path = folder / f"{name}.log"
        self._environment = environment
        self._outlive = outlive
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Number of the process started last."""
        return self._started().pid

    @property
    def returncode(self) -> int | None:
        """Exit code (negative: the signal), or None while it runs."""
        return self._started().poll()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def log(self) -> str:
        """All it has said so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def record(self) -> ProcessRecord:
        """What finds the process again."""
        return ProcessRecord(self.name, self.pid, psutil.Process(self.pid).create_time())

    def start(self) -> None:
        """Start it; DaemonError if it runs already."""
        if self.is_running:
            raise DaemonError(f"{self.name} runs already, as process {self.pid}")
        with self.log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                self.command,
                env=None if self._environment is None else dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if self._outlive else end_with(os.getpid()),
            )

    def wait_until(self, ready: Callable[[], bool], seconds: float = LIMIT_SECONDS) -> None:
        """Wait until it is ready; DaemonError with the end of its log if it ends or never is."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.is_running:
                raise DaemonError(f"{self.name} ended with {self.returncode}:\n{self.log[-_LOG_EXCERPT:]}")
            if time.monotonic() > deadline:
                raise DaemonError(f"{self.name} is not ready in {seconds} s:\n{self.log[-_LOG_EXCERPT:]}")
            time.sleep(0.05)

    def pause(self) -> None:
        """Make it hang: its connections stay open and nothing answers."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it in the middle of whatever it does, as a loss of power would."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
            self._started().wait()

    def stop(self, seconds: float = STOP_LIMIT_SECONDS) -> int | None:
        """Ask it to end, and kill it if it does not. Returns its exit code, None if it never ran."""
        if not self.is_running:
            return None if self._popen is None else self.returncode
        os.killpg(self.pid, signal.SIGTERM)
        os.killpg(self.pid, signal.SIGCONT)
        try:
            return self._started().wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.returncode

    def _started(self) -> subprocess.Popen[bytes]:
        if self._popen is None:
            raise DaemonError(f"{self.name} was not started")
        return self._popen


def end_with(parent: int) -> Callable[[], None]:
    """For `preexec_fn`: the process is killed when its parent ends, however that ends."""

    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)

    return tie


def stop_all(records: Sequence[ProcessRecord], seconds: float = STOP_LIMIT_SECONDS) -> None:
    """End processes that another one started, the last first, and wait for what ends with them."""
    for record in reversed(records):
        process = record.process()
        if process is None:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            family = [process, *process.children(recursive=True)]
            process.terminate()
            _wait_for_ends(family, process, seconds)


def _wait_for_ends(family: Sequence[psutil.Process], leader: psutil.Process, seconds: float) -> None:
    """Until none runs. Whoever inherited them may never ask how they ended: as zombies they have."""
    deadline = time.monotonic() + seconds
    while any(map(_runs, family)):
        if time.monotonic() > deadline:
            leader.kill()
        time.sleep(0.05)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
