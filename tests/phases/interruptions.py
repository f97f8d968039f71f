"""Phases that are stopped or killed and go on in a new attempt, and what they publish in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from phases.small_run import SmallRun, StopAfter

from collectiverun_trainer import phases
from collectiverun_trainer.artifact import Artifact
from collectiverun_trainer.errors import Stopped
from collectiverun_trainer.order import Phase, PhaseOrder, PhaseResult


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
    first = _process(killed.order(phase), folder)
    checkpoints = Path(killed.order(phase).member_uri.removeprefix("file://")) / "checkpoints"
    while first.poll() is None and not list(checkpoints.glob("*/_SUCCESS")):
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL, "the phase ended before it could be killed"
    assert _process(killed.order(phase, attempt=2), folder).wait() == 0
    result = PhaseResult.model_validate(json.loads((folder / "result.json").read_text()))
    return digests(killed, phase, result)


def _process(order: PhaseOrder, folder: Path) -> subprocess.Popen[bytes]:
    file = folder / "order.json"
    file.write_text(order.model_dump_json(by_alias=True))
    settings = {"COLLECTIVERUN_RESULT_PATH": str(folder / "result.json"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "collectiverun_trainer", order.phase, "--order", str(file)]
    return subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.DEVNULL)
