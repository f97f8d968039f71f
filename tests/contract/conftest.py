"""What several tests of the command ask for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract.collectiverun_command import start
from contract.finished_run import FinishedRun

StartEndless = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_endless() -> Iterator[StartEndless]:
    """Starts drivers of an `endless_run`; none outlives the test, whatever comes of that."""
    started: list[subprocess.Popen[str]] = []

    def begin(path: Path, *arguments: str) -> subprocess.Popen[str]:
        started.append(start(path, *arguments, smoke=False))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A finished run; tests only read it."""
    return FinishedRun.make(tmp_path_factory.mktemp("quickstart"))
