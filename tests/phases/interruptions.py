"""Phases that are stopped or killed and go on in a new attempt, and what they publish in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from phases.small_run import SmallRun, StopAfter

from collectiverun_trainer import phases
from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import Phase
from collectiverun_trainer.errors import Stopped
from collectiverun_trainer.order import PhaseOrder, PhaseResult

# The trainer's command, killed as soon as it has committed so many checkpoints. It kills itself:
# a test that looks on from outside may be too late for a phase of a second.
DYING = """
import os, signal, sys
from collectiverun_trainer import __main__
from collectiverun_trainer.artifacts.checkpoint import CheckpointStore

left, save = int(sys.argv.pop(1)), CheckpointStore.save

def save_and_die(self, step, state):
    global left
    save(self, step, state)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

CheckpointStore.save = save_and_die
sys.exit(__main__.main(sys.argv[1:]))
"""


def digests(run: SmallRun, phase: Phase, result: PhaseResult) -> dict[str, str]:
    """Digest of every file of the published artifact."""
    assert result.uri
    artifact = Artifact.open(run.context(phase).storage, result.uri)
    return {name: entry["sha256"] for name, entry in artifact.manifest["files"].items()}


def elsewhere(run: SmallRun, name: str) -> SmallRun:
    """The same run, inputs included, whose next phases write to another place."""
    return replace(run, root=f"{run.root}/{name}", artifacts=dict(run.artifacts))


def straight(run: SmallRun, phase: Phase) -> dict[str, str]:
    """What an attempt publishes that nobody interrupts."""
    undisturbed = elsewhere(run, "straight")
    return digests(undisturbed, phase, phases.load(phase)(undisturbed.context(phase)))


def with_stops(run: SmallRun, phase: Phase, looks: tuple[int, ...]) -> dict[str, str]:
    """One attempt after the other, each asked to stop at so many looks at its flag; then one to the end."""
    interrupted = elsewhere(run, "stopped-" + "-".join(map(str, looks)))
    for attempt, count in enumerate(looks, start=1):
        with pytest.raises(Stopped, match="checkpoint at step"):
            phases.load(phase)(interrupted.context(phase, attempt, StopAfter(looks=count)))
    last = interrupted.context(phase, len(looks) + 1)
    return digests(interrupted, phase, phases.load(phase)(last))


def with_a_kill(run: SmallRun, phase: Phase, folder: Path) -> dict[str, str]:
    """A real process killed (SIGKILL) as soon as it has a checkpoint, and another that goes on.

    `run` must lie in a folder of this machine; `folder` takes the order and the result.
    """
    killed = elsewhere(run, "killed")
    kill_after_checkpoints(killed.order(phase), folder)
    return digests(killed, phase, run_to_the_end(killed.order(phase, attempt=2), folder))


def kill_after_checkpoints(order: PhaseOrder, folder: Path, count: int = 1) -> None:
    """The phase as a real process that SIGKILL ends as soon as it has committed so many checkpoints."""
    process = _process(order, folder, "-c", DYING, str(count))
    assert process.wait() == -signal.SIGKILL, "the phase ended without so many checkpoints"


def run_to_the_end(order: PhaseOrder, folder: Path) -> PhaseResult:
    """The phase as a real process that nobody interrupts."""
    assert _process(order, folder, "-m", "collectiverun_trainer").wait() == 0
    return PhaseResult.model_validate_json((folder / "result.json").read_text())


def _process(order: PhaseOrder, folder: Path, *program: str) -> subprocess.Popen[bytes]:
    """The phase as a process of its own, as a Job runs it."""
    file = folder / "order.json"
    file.write_text(order.model_dump_json(by_alias=True))
    settings = {"COLLECTIVERUN_RESULT_PATH": str(folder / "result.json"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *program, order.phase, "--order", str(file)]
    return subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.DEVNULL)
