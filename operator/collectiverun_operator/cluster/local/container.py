"""A container as a process: its command, its environment, its termination message."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from collectiverun_operator.cluster.local.gpus import GPU_VARIABLE
from collectiverun_operator.cluster.local.pod import environment, phase_order, trainer_container
from collectiverun_operator.jobs.manifest import POD_UID_VARIABLE, THREAD_VARIABLES
from collectiverun_operator.json_types import JSONObject

RESULT_PATH_VARIABLE = "COLLECTIVERUN_RESULT_PATH"
MESSAGE_LIMIT_BYTES = 4096
LOG_EXCERPT_BYTES = 2048


def container_command(pod: JSONObject) -> list[str]:
    """The command line, `python` being this interpreter. Raises FileNotFoundError for an unknown command."""
    container = trainer_container(pod)
    command = [*container.get("command", []), *container.get("args", [])]
    if not command:
        raise FileNotFoundError("the container has no command, and this machine can't read one from an image")
    program = sys.executable if command[0] == "python" else shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(f"the command {command[0]!r} is not on this machine's PATH")
    return [program, *command[1:]]


def container_environment(pod: JSONObject, result_path: Path, gpus: tuple[str, ...]) -> dict[str, str]:
    """This process's environment, the order's thread limits, the container's `env`, the result path, GPUs.

    Who requests no GPU sees none, as on Kubernetes: else each phase would hold memory of the first.
    """
    threads = str(phase_order(pod).get("threads", 1))
    ours = {
        POD_UID_VARIABLE: pod["metadata"]["uid"],
        RESULT_PATH_VARIABLE: str(result_path),
        "PYTHONUNBUFFERED": "1",
    }
    devices = {GPU_VARIABLE: ",".join(gpus)} if gpus else {}
    limits = dict.fromkeys((*THREAD_VARIABLES, "NUMEXPR_NUM_THREADS"), threads)
    return {**os.environ, GPU_VARIABLE: "", **limits, **environment(pod), **ours, **devices}


def termination_message(result_path: Path, log: Path, exit_code: int) -> str:
    """The result file's content; after a failure without one, the end of the log."""
    if result_path.exists():
        return result_path.read_bytes()[:MESSAGE_LIMIT_BYTES].decode(errors="replace").strip()
    return "" if exit_code == 0 else _last_bytes(log, LOG_EXCERPT_BYTES)


def _last_bytes(path: Path, count: int) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - count))
        return file.read().decode(errors="replace").strip()
