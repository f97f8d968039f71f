"""A server as a process of this machine: start, pause, kill, stop.

It ends with the process that started it, even when that one is killed: the kernel sees to it
(PR_SET_PDEATHSIG). Only one that is to outlive its parent stays (`left_running` finds it).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from testbed.waiting import LIMIT_SECONDS

STOP_LIMIT_SECONDS = 15.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_LOG_EXCERPT = 3000


class DaemonError(RuntimeError):
    """A server ended although it should not, or does not answer."""


class Service(ABC):
    """What can be started and killed: as a context manager it runs as long as the block."""

    @abstractmethod
    def start(self) -> object:
        """Start it and wait until it is ready."""

    @abstractmethod
    def kill(self) -> None:
        """End it in the middle of whatever it does, as a loss of power would."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()


class Daemon(Service):
    """One server process, the leader of its own session. Its output goes to `<folder>/<name>.log`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        outlive: bool = False,
        working_folder: Path | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log_path = folder / f"{name}.log"
        self._environment = environment
        self._outlive = outlive
        self._working_folder = working_folder
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
        """Its whole output so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> Self:
        """Start it; DaemonError if it runs already."""
        if self.is_running:
            raise DaemonError(f"{self.name} runs already, as process {self.pid}")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                self.command,
                env=self._environment,
                cwd=self._working_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if self._outlive else end_with(os.getpid()),
            )
        return self

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
