"""The experts phase goes on exactly where it was: stopped on request at several points, or killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from phases.interruptions import kill_after_checkpoints, run_to_the_end
from phases.small_run import SmallRun, StopAfter

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.errors import Stopped
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases import experts

PARAMS = {"demonstrations": 1, "totalEnvSteps": 160, "checkpointEveryEnvSteps": 40}
WITHOUT = PARAMS | {"demonstrations": 0}


def files(run: SmallRun, result: PhaseResult) -> dict[str, str]:
    """Digest of every file of the published artifact."""
    assert result.uri
    artifact = Artifact.open(run.context("experts").storage, result.uri)
    return {name: entry["sha256"] for name, entry in artifact.manifest["files"].items()}


def run_with_stops(run: SmallRun, looks: list[int]) -> PhaseResult:
    """Attempts stopped when they have looked at their flag so many times; then one to the end."""
    for attempt, look in enumerate(looks, start=1):
        with pytest.raises(Stopped, match="checkpoint at step"):
            experts.run(run.context("experts", attempt, StopAfter(looks=look)))
    return experts.run(run.context("experts", len(looks) + 1))


@pytest.mark.parametrize("params", [PARAMS, WITHOUT], ids=["demonstrations", "no demonstrations"])
@pytest.mark.parametrize("looks", [[1], [5], [3, 4], [2, 2, 2]])
def test_a_stopped_phase_publishes_the_same_bits(params: dict[str, Any], looks: list[int]) -> None:
    straight = SmallRun(params={"experts": params})
    expected = files(straight, experts.run(straight.context("experts")))
    interrupted = SmallRun(params={"experts": params})
    assert files(interrupted, run_with_stops(interrupted, looks)) == expected


def test_a_phase_whose_experts_have_stopped_early_resumes_exactly() -> None:
    params = PARAMS | {"stopAtSuccess": 0.0, "stopPatience": 2, "evaluationEveryEnvSteps": 40}
    straight = SmallRun(params={"experts": params})
    expected = files(straight, experts.run(straight.context("experts")))
    interrupted = SmallRun(params={"experts": params})
    assert files(interrupted, run_with_stops(interrupted, [2])) == expected


def test_a_killed_process_publishes_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL as soon as a checkpoint is committed, twice; then to the end."""
    straight = SmallRun(params={"experts": PARAMS})
    expected = files(straight, experts.run(straight.context("experts")))
    killed = SmallRun(params={"experts": PARAMS}, root=tmp_path.as_uri())
    for attempt in (1, 2):
        kill_after_checkpoints(killed.order("experts", attempt), tmp_path, count=attempt)
    assert files(killed, run_to_the_end(killed.order("experts", attempt=3), tmp_path)) == expected
