"""Orders of the trajectory transformer over a real, small experts' artifact, and how to run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from phases.small_run import StopAfter

from collectiverun_trainer import phases
from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.order import ArtifactReference, PhaseOrder, PhaseResult, RunIdentity
from collectiverun_trainer.phases.preparation import prepare
from collectiverun_trainer.process.reporter import Reporter
from collectiverun_trainer.process.stopping import StopFlag

TASKS = (Task(env="reach-v3"), Task(env="drawer-close-v3"), Task(env="handle-press-side-v3"))
PARAMS = {
    "modelSize": 16,
    "heads": 1,
    "feedforwardSize": 32,
    "dropout": 0.1,
    "window": 8,
    "batchSize": 24,
    "gradientSteps": 90,
    "evaluationEveryGradientSteps": 20,
    "checkpointEveryGradientSteps": 25,
}


def run(order: PhaseOrder, stop: StopFlag | None = None) -> PhaseResult:
    """Run the order's phase in this process."""
    torch.set_num_threads(1)
    return phases.load(order.phase)(prepare(order, Reporter(), stop or StopAfter()))


def scripted_experts(root: Path, tasks: tuple[Task, ...] = TASKS) -> ArtifactReference:
    """Real episodes of the scripted policies, as the experts' phase publishes them."""
    order = PhaseOrder(
        run=RunIdentity(namespace="tests", name="encoder", uid="0"),
        phase="experts",
        member="group-0",
        tasks=tasks,
        environment=EnvironmentSettings(horizon_env_steps=60, goals=5),
        params={"source": "scripted", "distillEpisodes": 10, "policyEpisodes": 5},
        member_uri=f"{root.as_uri()}/experts/group-0",
    )
    return reference(order, run(order))


def reference(order: PhaseOrder, result: PhaseResult) -> ArtifactReference:
    assert result.uri is not None
    return ArtifactReference(
        member=order.member, uri=result.uri, manifest_sha256=result.manifest_sha256, tasks=order.tasks
    )


def encoder_order(root: Path, *experts: ArtifactReference, name: str = "all", **changes: Any) -> PhaseOrder:
    """Order of the trajectory transformer; `name` keeps the tests' members apart."""
    return PhaseOrder(
        run=RunIdentity(namespace="tests", name="encoder", uid="0"),
        phase="trajectoryTransformer",
        member="all",
        tasks=tuple(task for each in experts for task in each.tasks),
        environment=EnvironmentSettings(horizon_env_steps=60, goals=5),
        params=PARAMS | changes,
        inputs={"experts": experts},
        member_uri=f"{root.as_uri()}/trajectoryTransformer/{name}",
    )


def opened(order: PhaseOrder, result: PhaseResult) -> Artifact:
    assert result.uri is not None
    return Artifact.open(Storage(order.storage), result.uri, result.manifest_sha256)


def contents(order: PhaseOrder, result: PhaseResult) -> dict[str, str]:
    """Digest of each file of the published artifact."""
    return {name: file["sha256"] for name, file in opened(order, result).manifest["files"].items()}
