"""A container's command as a process of this machine: start behind a gate, watch, measure, stop.

It knows nothing of Jobs, Pods or the run. A process is the leader of its own session, so that Ctrl-C
reaches the driver alone, and its whole tree goes when it ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from collectiverun_operator.json_types import JSONObject

NICENESS = 5
_LAUNCHER = Path(__file__).with_name("launcher.py")
_KILL_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class ProcessIdentity:
    """Identifies a process, also against a later one with the same number."""

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Identity of a process that exists. Raises ProcessLookupError if there is none."""
        return cls(pid, start_ticks(pid), boot_id())

    @classmethod
    def recorded(cls, document: JSONObject) -> ProcessIdentity:
        """Identity of the process that `record` made a document of."""
        return cls(document["processId"], document["startTicks"], document["bootId"])

    def record(self, now: float) -> JSONObject:
        """A document of a process that starts now (Unix seconds), with its identity."""
        identity = {"processId": self.pid, "startTicks": self.start_ticks, "bootId": self.boot_id}
        return identity | {"startedTime": now, "observedTime": now, "cpuSeconds": 0.0}

    def alive(self) -> bool:
        """Whether exactly this process still runs (a zombie does not)."""
        if self.boot_id != boot_id():
            return False
        try:
            same = start_ticks(self.pid) == self.start_ticks
            return same and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, psutil.NoSuchProcess):
            return False


def start_ticks(pid: int) -> int:
    """Clock ticks after boot at which the process started: a wall clock that is set does not change it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        raise ProcessLookupError(f"no process {pid}") from None
    return int(stat.rpartition(")")[2].split()[19])


def boot_id() -> str:
    """The kernel's name for this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True)
class Exit:
    """How a process ended. `code` as a container's: 128 + signal where a signal ended it."""

    code: int
    signal: int | None
    cpu_seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class Usage:
    """What a process tree uses now."""

    cpu_seconds: float
    memory_bytes: int


class ChildProcess:
    """A command behind its gate. Raises OSError where no process can be made."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        stdout: Path,
        stderr: Path,
        niceness: int = NICENESS,
    ) -> None:
        with stdout.open("ab") as out, stderr.open("ab") as err:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(niceness), *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env=dict(environment),
                start_new_session=True,
            )
        self.identity = ProcessIdentity.of(self._popen.pid)

    def release(self) -> None:
        """Open the gate: the command starts."""
        gate = self._popen.stdin
        if gate is None or gate.closed:
            return
        try:
            gate.write(b"1")
            gate.close()
        except BrokenPipeError:  # it was killed at the gate, which `poll` returns
            return

    def poll(self) -> Exit | None:
        """How it ended, or None while it runs. Kills the rest of its process group."""
        if os.waitid(os.P_PID, self.identity.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self.kill()  # while the leader is a zombie its group's number can't be given to another
        _, status, usage = os.wait4(self.identity.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._popen.returncode = code
        return Exit(
            code=code if code >= 0 else 128 - code,
            signal=-code if code < 0 else None,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_memory_bytes=usage.ru_maxrss * 1024,
        )

    def usage(self) -> Usage:
        """CPU seconds and resident bytes of the tree now; zeros once it is gone."""
        cpu, memory = 0.0, 0
        for process in _tree(self.identity.pid):
            try:
                times = process.cpu_times()
                cpu += times.user + times.system
                memory += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return Usage(cpu, memory)

    def terminate(self) -> None:
        """Ask the command to stop (SIGTERM to the leader, as a kubelet does)."""
        os.kill(self.identity.pid, signal.SIGTERM)  # not reaped yet, so the number is still its own

    def kill(self) -> None:
        """End the whole process group at once."""
        try:
            os.killpg(self.identity.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_survivors(identity: ProcessIdentity, variable: str, value: str) -> list[int]:
    """Kill what a lost driver left of a Pod: the recorded process, and all with this environment variable.

    Every descendant inherits the variable. Returns the ids of the killed processes.
    Raises TimeoutError if one is still there after 30 s of SIGKILL.
    """
    killed: list[int] = []
    while survivors := _survivors(identity, variable, value):  # one may fork while the others are killed
        _kill(survivors)
        killed += [process.pid for process in survivors]
    return killed


def _survivors(identity: ProcessIdentity, variable: str, value: str) -> list[psutil.Process]:
    survivors = [process for process in psutil.process_iter() if _has_variable(process, variable, value)]
    if identity.alive() and identity.pid not in [process.pid for process in survivors]:
        with suppress(psutil.NoSuchProcess):  # the kernel is ending it just now
            survivors.append(psutil.Process(identity.pid))
    return survivors


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _, survivors = psutil.wait_procs(processes, timeout=_KILL_TIMEOUT_SECONDS)
    if survivors:
        raise TimeoutError(
            f"process {survivors[0].pid} of an earlier driver can't be killed; end it and rerun"
        )


def _has_variable(process: psutil.Process, variable: str, value: str) -> bool:
    try:
        return process.environ().get(variable) == value
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
