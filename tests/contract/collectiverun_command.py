"""The command `collectiverun` as a person starts it: a process of its own, the real trainer, tiny budgets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from support.command_here import Said
from support.run_bodies import run_body, tasks

from collectiverun_operator.cluster.local.journal import Event, read_journal

COMMAND = Path(sys.executable).parent / "collectiverun"
WAIT_SECONDS = 900.0
# Experts at work for longer than any test, however slow its machine is; between two short episodes they stop.
ENDLESS = {"hiddenSizes": [16], "totalEnvSteps": 200_000, "gradientStepsPerDecision": 5}


def tiny_run(folder: Path, **spec: Any) -> Path:
    """A run file of two tasks with scripted experts; fields of `spec` replace those of the file."""
    base = {
        "tasks": tasks("reach", "door-close"),
        "storage": {"uri": f"file://{folder}/storage"},
        "environment": {"horizonEnvSteps": 20, "goals": 2},
        "phases": {
            "experts": {"params": {"source": "scripted"}},
            "evaluation": {"params": {"videos": False}},
        },
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(run_body("tiny", **base | spec)))
    return path


def endless_run(folder: Path, experts: dict[str, Any] | None = None, **spec: Any) -> Path:
    """A run file whose experts do not end by themselves; `experts`: more fields of that phase."""
    return tiny_run(folder, phases={"experts": {"params": ENDLESS, **(experts or {})}}, **spec)


def start(path: Path, *arguments: str, smoke: bool = True) -> subprocess.Popen[str]:
    """Start `collectiverun run` on a run file, with its records beside it, in a session of its own."""
    budgets = ["--smoke"] if smoke else []
    return subprocess.Popen(
        [str(COMMAND), "run", "-f", str(path), "--cache", str(path.parent / "cache"), *budgets, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # A suite that a script started in the background was told to ignore Ctrl-C, and would pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for its end: exit code, stdout, stderr."""
    stdout, stderr = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, stdout, stderr


def history(path: Path) -> list[Event]:
    """The journal of the only run recorded beside a run file; empty before there is one."""
    found = list((path.parent / "cache").glob("*/history.jsonl"))
    return read_journal(found[0]) if found else []


def commits(path: Path) -> Iterator[Path]:
    """Every artifact committed below the storage root, checkpoints left out."""
    return (path.parent / "storage").glob("*/*/*/*/attempt-*/*/_SUCCESS")


def has_started(path: Path, phase: str) -> bool:
    """Whether a Pod of the phase has started."""
    return any(event["event"] == "podStarted" and event["phase"] == phase for event in history(path))


def assert_refused(said: Said, code: int, sentence: str) -> None:
    """It ended with that code and printed nothing but one line, which begins so."""
    assert (said.code, said.output) == (code, ""), said
    assert said.error.startswith(sentence), said.error
    assert said.error.count("\n") == 1


def document(stdout: str) -> dict[str, Any]:
    """The JSON document of `--json`."""
    parsed: dict[str, Any] = json.loads(stdout)
    return parsed
