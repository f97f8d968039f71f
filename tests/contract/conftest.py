"""What several tests of the command ask for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract.collectiverun_command import start
from contract.finished_run import FinishedRun
from filelock import FileLock
from support.command_here import Said, said_here

from collectiverun_operator.cli import main

StartEndless = Callable[..., subprocess.Popen[str]]
Says = Callable[..., Said]


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
    """A finished run; tests only read it. Workers of pytest-xdist share one: whoever is first makes it."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if is_worker else own) / "quickstart"
    with FileLock(folder.with_suffix(".lock")):
        made = folder / "made"
        if not made.exists():
            folder.mkdir(exist_ok=True)  # a worker that failed left it; the run then goes on
            FinishedRun.make(folder)
            made.touch()
    return FinishedRun(folder)


@pytest.fixture
def quickstart_says(
    quickstart: FinishedRun, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Says:
    """`collectiverun …` in the hands of the run's owner, within this process."""
    for name, value in quickstart.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.chdir(quickstart.elsewhere)

    def says(*words: str) -> Said:
        return said_here(main.main, ["collectiverun", *words], monkeypatch, capfd)

    return says
