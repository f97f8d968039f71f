"""Refinement: it publishes a better collective or the one it was given, and goes on exactly where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from phases.interruptions import elsewhere, straight, with_a_kill, with_stops
from phases.small_run import SmallRun

from collectiverun_trainer import phases
from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.policy_files.collectives import COLLECTIVE_FILES

PARAMS = {
    "gradientSteps": 60,
    "evaluationEveryGradientSteps": 20,
    "checkpointEveryGradientSteps": 15,
    "batchSize": 32,
}
DISTILLATION = {
    "hiddenSizes": [32],
    "envStepsPerTask": 200,
    "environmentsPerTask": 2,
    "evaluationEveryEnvSteps": 200,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    root = tmp_path_factory.mktemp("refinement").as_uri()
    params = {"onlineDistillation": DISTILLATION, "refinement": PARAMS}
    run = SmallRun(params=params, root=root)  # type: ignore[arg-type]
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        run.do(phase)
    return run


@pytest.fixture(scope="module")
def expected(run: SmallRun) -> dict[str, str]:
    return straight(run, "refinement")


def refine(run: SmallRun, name: str, **changes: Any) -> tuple[PhaseResult, Artifact, Artifact]:
    """The result, what was given, and what was published."""
    changed = elsewhere(run, name)
    changed.params = {"refinement": PARAMS | changes}
    context = changed.context("refinement")
    result = phases.load("refinement")(context)
    (given,) = run.artifacts["onlineDistillation"]
    assert result.uri
    return result, Artifact.open(context.storage, given.uri), Artifact.open(context.storage, result.uri)


def losses(artifact: Artifact) -> dict[int, float]:
    """Mean validation loss of the actor by gradient step."""
    found: dict[int, list[float]] = {}
    for line in artifact.read("metrics.jsonl").splitlines():
        record = json.loads(line)
        if record["task"]:
            found.setdefault(record["gradientSteps"], []).append(record["values"]["validation/losses/actor"])
    return {step: sum(of_tasks) / len(of_tasks) for step, of_tasks in found.items()}


def test_refinement_that_helps_publishes_a_collective_with_a_lower_loss(run: SmallRun) -> None:
    """No expert of the small run succeeds, so rollouts tie and the loss decides."""
    result, given, published = refine(run, "helps")
    assert published.manifest["extra"]["helped"]
    assert result.note == ""
    by_step = losses(published)
    assert list(by_step) == [0, 20, 40, 60]
    assert by_step[published.manifest["extra"]["bestGradientSteps"]] < by_step[0]
    assert published.read("encoder.safetensors") == given.read("encoder.safetensors")
    assert published.read("collective.safetensors") != given.read("collective.safetensors")


def test_refinement_that_does_not_help_passes_its_input_on_and_says_so(run: SmallRun) -> None:
    """A step size below what a weight can hold: nothing changes, so nothing can have become better."""
    result, given, published = refine(run, "idle", learningRate=1e-30, patience=2)
    assert not published.manifest["extra"]["helped"]
    assert result.note == published.manifest["result"]["note"]
    assert "did not help" in result.note
    for name in (*COLLECTIVE_FILES, "evaluation.json"):
        assert published.read(name) == given.read(name)
    assert result.success is not None
    assert result.success.model_dump(by_alias=True) == given.manifest["success"]


def test_patience_ends_refinement_before_its_budget(run: SmallRun) -> None:
    _, _, published = refine(run, "impatient", learningRate=1e-30, patience=1, gradientSteps=1000)
    assert published.manifest["extra"]["gradientSteps"] == 20


def test_a_buffer_with_nothing_held_out_is_refused(tmp_path: Path) -> None:
    distillation = {"envStepsPerTask": 20, "environmentsPerTask": 1, "evaluationEveryEnvSteps": 20}
    run = SmallRun(params={"onlineDistillation": distillation})  # type: ignore[dict-item]
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        run.do(phase)
    with pytest.raises(InputInvalid, match="held out for validation; raise envStepsPerTask"):
        run.do("refinement")


@pytest.mark.parametrize("looks", [(1,), (50,), (31, 30), (14, 2, 3)], ids=str)
def test_stopped_and_continued(run: SmallRun, expected: dict[str, str], looks: tuple[int, ...]) -> None:
    assert with_stops(run, "refinement", looks) == expected


def test_killed_and_continued(run: SmallRun, expected: dict[str, str], tmp_path: Path) -> None:
    assert with_a_kill(run, "refinement", tmp_path) == expected
