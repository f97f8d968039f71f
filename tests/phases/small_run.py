"""A run small enough for tests: real phases, one after the other, in a storage of this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from collectiverun_trainer import phases
from collectiverun_trainer.config import Control, EnvironmentSettings, Phase, Task
from collectiverun_trainer.order import ArtifactReference, PhaseOrder, PhaseResult, RunIdentity
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.phases.preparation import prepare
from collectiverun_trainer.process.reporter import Reporter

PARAMS: dict[Phase, dict[str, Any]] = {
    "experts": {
        "hiddenSizes": [16],
        "totalEnvSteps": 120,
        "randomEnvSteps": 40,
        "batchSize": 8,
        "evaluationEveryEnvSteps": 40,
        "selectionEpisodes": 2,
        "distillEpisodes": 3,
        "policyEpisodes": 2,
    },
    "trajectoryTransformer": {
        "window": 4,
        "embeddingSize": 4,
        "modelSize": 8,
        "layers": 1,
        "heads": 2,
        "feedforwardSize": 8,
        "batchSize": 4,
        "gradientSteps": 3,
        "evaluationEveryGradientSteps": 3,
    },
    "onlineDistillation": {
        "hiddenSizes": [16],
        "envStepsPerTask": 120,
        "environmentsPerTask": 1,
        "batchSize": 8,
        "evaluationEveryEnvSteps": 40,
        "selectionEpisodes": 2,
        "gradientStepsPerDecision": 1,
    },
    "refinement": {
        "batchSize": 8,
        "gradientSteps": 4,
        "evaluationEveryGradientSteps": 2,
        "selectionEpisodes": 2,
    },
    "students": {
        "hiddenSizes": [16],
        "totalEnvSteps": 120,
        "randomEnvSteps": 40,
        "batchSize": 8,
        "evaluationEveryEnvSteps": 40,
        "selectionEpisodes": 2,
    },
    "evaluation": {"videoSize": 64},
}


@dataclass
class StopAfter:
    """A stop flag that is set the n-th time it is looked at; 0: never."""

    looks: int = 0
    seen: int = 0

    @property
    def requested(self) -> bool:
        """Counts every look."""
        self.seen += 1
        return bool(self.looks) and self.seen >= self.looks


class Quiet:
    """Takes what a phase prints."""

    def write(self, text: str) -> int:
        """Forget it."""
        return len(text)

    def flush(self) -> None:
        """Nothing to do."""


@dataclass
class SmallRun:
    """A run in memory storage; `params` override the small ones by phase."""

    tasks: tuple[Task, ...] = (Task(env="reach-v3"), Task(env="drawer-close-v3"))
    holdout: tuple[Task, ...] = ()
    smoke: bool = False
    seed: int = 1
    seeds: tuple[int, ...] = ()
    member: str = "all"
    spec: dict[str, Any] = field(default_factory=dict)
    earlier: dict[Phase, str] = field(default_factory=dict)
    params: dict[Phase, dict[str, Any]] = field(default_factory=dict)
    robot_models: dict[str, str] = field(default_factory=dict)
    control: Control = "hand"
    root: str = field(default_factory=lambda: f"memory://small-run-{uuid4().hex}")
    artifacts: dict[Phase, tuple[ArtifactReference, ...]] = field(default_factory=dict)

    def order(self, phase: Phase, attempt: int = 1) -> PhaseOrder:
        """The order of a phase that reads all artifacts made so far."""
        return PhaseOrder(
            run=RunIdentity(namespace="default", name="small", uid="00000000-0000-0000-0000-000000000000"),
            phase=phase,
            member=self.member,
            attempt=attempt,
            seed=self.seed,
            seeds=self.seeds if phase in ("experts", "comparison") else (),
            from_=self.earlier.get(phase),
            tasks=self.tasks,
            holdout=self.holdout,
            robot_models=self.robot_models,
            environment=EnvironmentSettings(
                horizon_env_steps=20, action_repeat=2, goals=4, control=self.control
            ),
            params=PARAMS.get(phase, {}) | self.params.get(phase, {}),
            inputs=dict(self.artifacts),
            spec=self.spec or {"seed": self.seed},
            smoke=self.smoke,
            member_uri=f"{self.root}/{phase}/{self.member}",
        )

    def context(self, phase: Phase, attempt: int = 1, stop: StopAfter | None = None) -> PhaseContext:
        """What the phase gets."""
        reporter = Reporter(stream=Quiet())  # type: ignore[arg-type]
        return prepare(self.order(phase, attempt), reporter, stop or StopAfter())

    def do(self, phase: Phase) -> PhaseResult:
        """Run a phase and let later ones read its artifact."""
        result = phases.load(phase)(self.context(phase))
        assert result.uri
        reference = ArtifactReference(
            member=self.member, uri=result.uri, manifest_sha256=result.manifest_sha256, tasks=self.tasks
        )
        self.artifacts[phase] = (reference,)
        return result
