"""One start of one container, as a process of this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.kubelet.container_log import ContainerLog
from testbed.processes.daemon import end_with

MESSAGE_LIMIT_BYTES = 4096
FALLBACK_LINES = 80
FALLBACK_BYTES = 2048
_NICENESS = 5  # the control plane shares this machine and goes first


class StartError(RuntimeError):
    """The container's command can't be started."""


class ContainerProcess:
    """The leader of its own process group, which ends with it, and with the node."""

    def __init__(self, process: asyncio.subprocess.Process, log: ContainerLog, result_path: Path) -> None:
        assert process.stdout is not None
        self._process = process
        self._log = log
        self._result_path = result_path
        self._recording = asyncio.create_task(log.record(process.stdout))

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        log: ContainerLog,
        result: Path,
    ) -> ContainerProcess:
        """Start it. Raises StartError."""
        program = _program(command, environment["PATH"])
        result.unlink(missing_ok=True)
        tie = end_with(os.getpid())
        process = await asyncio.create_subprocess_exec(
            program,
            *command[1:],
            env=dict(environment),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: (tie(), os.nice(_NICENESS)),
        )
        return cls(process, log, result)

    async def wait(self) -> int:
        """Wait until it and all it started have ended. Its exit code; 128 + signal where one ended it."""
        code = await self._process.wait()
        self.signal(signal.SIGKILL, to_group=True)
        await self._recording
        return code if code >= 0 else 128 - code

    def signal(self, number: signal.Signals, to_group: bool = False) -> None:
        """Send a signal to the leader alone, as a kubelet does, or to the whole group."""
        try:
            (os.killpg if to_group else os.kill)(self._process.pid, number)
        except ProcessLookupError:
            return

    def message(self, code: int, policy: str) -> str:
        """The termination message: the result it wrote, else, if the policy says so, the end of its log."""
        if self._result_path.exists() and (left := self._result_path.read_bytes()):
            return left[:MESSAGE_LIMIT_BYTES].decode(errors="replace")
        wants_log = code != 0 and policy == "FallbackToLogsOnError"
        return self._log.end(FALLBACK_LINES, FALLBACK_BYTES) if wants_log else ""


def _program(command: Sequence[str], path: str) -> str:
    if not command:
        raise StartError("no command specified: this node can't take one from an image")
    program = shutil.which(command[0], path=path)
    if program is None:
        raise StartError(f'exec: "{command[0]}": executable file not found in $PATH')
    return program
