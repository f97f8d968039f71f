"""What a bug report tells of the place where a command ran: packages and machine, and nothing personal."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

import psutil

from collectiverun_operator.cluster.local.gpus import device_count
from collectiverun_operator.cluster.local.machine import usable_cores
from collectiverun_operator.json_types import JSONObject

_PROJECT: Final = "collectiverun"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_GIB: Final = 2**30
_ASK_SECONDS: Final = 20.0  # a driver that hangs must not hang the command


def versions() -> JSONObject:
    """Versions of Python, of this project, and of every package it asks for; null for what is missing."""
    asked = {match[0] for wish in requires(_PROJECT) or () if (match := _NAME.match(wish))}
    return {"python": platform.python_version()} | {
        name: _version(name) for name in (_PROJECT, *sorted(asked))
    }


def machine(folder: Path | None) -> JSONObject:
    """Cores, memory, GPUs, and the room on the disk of a folder, in GiB."""
    memory = psutil.virtual_memory()
    found: JSONObject = {
        "platform": platform.platform(),
        "architecture": platform.machine(),
        "pythonBuild": sys.version.split("[")[0].strip(),
        "usableCores": usable_cores(),
        "cores": psutil.cpu_count(),
        "memoryGiB": _gib(memory.total),
        "availableMemoryGiB": _gib(memory.available),
        "gpusOfCUDA": device_count(),
        "gpus": _gpus(),
    }
    if folder is not None:
        usage = shutil.disk_usage(folder)
        found |= {"diskGiB": _gib(usage.total), "freeDiskGiB": _gib(usage.free)}
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _gpus() -> list[str]:
    """Name, memory and driver of each GPU, as nvidia-smi tells; none where there is no such program."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    words = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"nvidia-smi does not answer: {type(error).__name__}"]
    return done.stdout.splitlines() if done.returncode == 0 else [f"nvidia-smi ends with {done.returncode}"]


def _gib(size_bytes: int) -> float:
    return round(size_bytes / _GIB, 1)
