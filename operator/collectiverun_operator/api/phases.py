"""The phases of a run: one class each, and the one list of them, `Phases`. All else derives from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from collectiverun_operator.api.pod_template import PodTemplate, Resources
from collectiverun_operator.api.storage import EarlierRun
from collectiverun_operator.api.tasks import (
    SINGLE_MEMBER,
    Member,
    RunTask,
    member_per_seed,
    members_by_task,
    training_tasks,
)
from collectiverun_trainer.config import (
    TASK_LIMIT,
    EvaluationParams,
    ExpertsParams,
    Model,
    OnlineDistillationParams,
    RefinementParams,
    StudentsParams,
    TrajectoryTransformerParams,
)

_SAC_SMOKE_BUDGETS = {
    "batchSize": 16,
    "randomEnvSteps": 80,
    "totalEnvSteps": 400,
    "evaluationEveryEnvSteps": 200,
    "selectionEpisodes": 2,
    "checkpointEveryEnvSteps": 200,
}
_SAC_SMOKE_LIMITS = {"imitationGradientSteps": 20, "imitationEnvSteps": 80}
TasksPerJob = Annotated[
    int,
    Field(
        ge=1,
        le=TASK_LIMIT,
        description="Number of consecutive tasks one Job trains as one batch, on one GPU.",
    ),
]
Parallelism = Annotated[
    int,
    Field(
        ge=1,
        le=TASK_LIMIT,
        description="Number of Jobs of the phase that exist at once, at most. May be changed at any time.",
    ),
]


class PhaseSettings(Model):
    """What every phase has: its settings in a spec, and, in capitals, what the operator knows of its kind."""

    SHORT_NAME: ClassVar[str]
    """For names of Jobs: run (40), hash (8), attempt (4 digits) and three hyphens leave 8 characters."""
    READS: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """For each input the phases that may provide it; the first one that is enabled does."""
    SMOKE_BUDGETS: ClassVar[Mapping[str, int]] = {}
    """The most that `--smoke` leaves of each budget in `params`, also where a file leaves it out."""
    SMOKE_LIMITS: ClassVar[Mapping[str, int]] = {}
    """The same of what is off unless a file has it."""
    ONLY_OF_SEVERAL_SEEDS: ClassVar[bool] = False
    """Whether a run of one seed has nothing of it."""
    SEES_WHOLE_RUN: ClassVar[bool] = False
    """Whether its order carries the spec and the holdout tasks too."""

    resources: Resources | None = Field(
        None,
        description="Resources of the phase's container. Unset: the installation's default, usually one"
        " GPU. {}: none, that is CPU only. May be changed for attempts to come.",
    )
    pod_template: PodTemplate | None = Field(
        None,
        description="Parts of a Pod for this phase, merged over spec.podTemplate. May be changed for attempts"
        " to come.",
    )

    def members(self, tasks: Sequence[RunTask], seeds: tuple[int, ...]) -> tuple[Member, ...]:
        """The phase's members, in a fixed order: one a seed for all tasks unless a phase says otherwise."""
        return member_per_seed(training_tasks(tasks), seeds)


class ReusablePhase(PhaseSettings):
    """A phase whose work an earlier run may have done."""

    from_: EarlierRun | None = Field(
        None,
        alias="from",
        description="Root of an earlier run, or address of one of its members: what it published of this"
        " phase stands in for the phase's work, once environment and parameters are found to be the same.",
    )


class ExpertsPhase(ReusablePhase):
    """Trains one expert per task and publishes its experience."""

    SHORT_NAME: ClassVar = "experts"
    SMOKE_BUDGETS: ClassVar = _SAC_SMOKE_BUDGETS | {"distillEpisodes": 8, "policyEpisodes": 4}
    SMOKE_LIMITS: ClassVar = _SAC_SMOKE_LIMITS

    tasks_per_job: TasksPerJob = 1
    parallelism: Parallelism = 8
    params: ExpertsParams = ExpertsParams()

    def members(self, tasks: Sequence[RunTask], seeds: tuple[int, ...]) -> tuple[Member, ...]:
        """A member for each task, or for each `tasksPerJob` tasks; all seeds of these learn as one batch."""
        return members_by_task(training_tasks(tasks), self.tasks_per_job, seeds)


class TrajectoryTransformerPhase(ReusablePhase):
    """Learns the task embedding from the experts' experience."""

    SHORT_NAME: ClassVar = "encode"
    READS: ClassVar = (("experts",),)
    SMOKE_BUDGETS: ClassVar = {
        "gradientSteps": 20,
        "evaluationEveryGradientSteps": 10,
        "checkpointEveryGradientSteps": 10,
        "batchSize": 8,
    }
    SMOKE_LIMITS: ClassVar = {"crossedEpisodes": 2}

    params: TrajectoryTransformerParams = TrajectoryTransformerParams()


class OnlineDistillationPhase(ReusablePhase):
    """Distils all experts into one collective network, each on its own task."""

    SHORT_NAME: ClassVar = "distill"
    READS: ClassVar = (("experts",), ("trajectoryTransformer",))
    SMOKE_BUDGETS: ClassVar = {
        "envStepsPerTask": 400,
        "environmentsPerTask": 2,
        "gradientStepsPerDecision": 2,
        "batchSize": 32,
        "selectionEpisodes": 2,
        "evaluationEveryEnvSteps": 200,
        "checkpointEveryEnvSteps": 200,
    }

    params: OnlineDistillationParams = OnlineDistillationParams()


class RefinementPhase(PhaseSettings):
    """Trains the collective network further; a result that is not better is not published."""

    SHORT_NAME: ClassVar = "refine"
    READS: ClassVar = (("onlineDistillation",),)
    SMOKE_BUDGETS: ClassVar = {
        "gradientSteps": 40,
        "batchSize": 32,
        "selectionEpisodes": 2,
        "evaluationEveryGradientSteps": 20,
        "checkpointEveryGradientSteps": 20,
    }

    enabled: bool = Field(False, description="Whether the phase runs.")
    params: RefinementParams = RefinementParams()


class StudentsPhase(PhaseSettings):
    """Trains fresh learners helped by the collective, beside learners that are not."""

    SHORT_NAME: ClassVar = "students"
    READS: ClassVar = (("refinement", "onlineDistillation"),)
    SMOKE_BUDGETS: ClassVar = _SAC_SMOKE_BUDGETS | {"decayEnvSteps": 200}
    SMOKE_LIMITS: ClassVar = _SAC_SMOKE_LIMITS

    enabled: bool = Field(False, description="Whether the phase runs.")
    tasks_per_job: TasksPerJob = 1
    parallelism: Parallelism = 8
    params: StudentsParams = StudentsParams()

    def members(self, tasks: Sequence[RunTask], seeds: tuple[int, ...]) -> tuple[Member, ...]:
        """Of each seed: a member for each `tasksPerJob` tasks of `params.tasks`, else of those trained on."""
        chosen = {task.name for task in self.params.tasks}
        learned = [task for task in tasks if task.name in chosen] or training_tasks(tasks)
        return tuple(
            Member(one.name if len(seeds) == 1 else f"{own.name}-{one.name}", one.tasks, own.seeds)
            for own in member_per_seed((), seeds)
            for one in members_by_task(learned, self.tasks_per_job, own.seeds)
        )


class EvaluationPhase(PhaseSettings):
    """Measures every network on the same goals, and writes the report."""

    SHORT_NAME: ClassVar = "evaluate"
    READS: ClassVar = (
        ("experts",),
        ("trajectoryTransformer",),
        ("onlineDistillation",),
        ("refinement",),
        ("students",),
    )
    SMOKE_BUDGETS: ClassVar = {"videoSize": 64}
    SEES_WHOLE_RUN: ClassVar = True

    params: EvaluationParams = EvaluationParams()


class ComparisonPhase(PhaseSettings):
    """Sets what the seeds came to side by side: means, intervals, curves. Only of several seeds."""

    SHORT_NAME: ClassVar = "compare"
    READS: ClassVar = (("experts",), ("onlineDistillation",), ("students",), ("evaluation",))
    ONLY_OF_SEVERAL_SEEDS: ClassVar = True

    resources: Resources | None = Field(
        Resources(),
        description="Resources of the phase's container. Unset: none, it reads and draws. May be changed for"
        " attempts to come.",
    )

    def members(self, tasks: Sequence[RunTask], seeds: tuple[int, ...]) -> tuple[Member, ...]:
        """One for all seeds; none where there is but one."""
        return (Member(SINGLE_MEMBER, training_tasks(tasks), seeds),) if len(seeds) > 1 else ()


class Phases(Model):
    """The phases, in the order in which they run; each reads what earlier ones published."""

    experts: ExpertsPhase = ExpertsPhase()
    trajectory_transformer: TrajectoryTransformerPhase = TrajectoryTransformerPhase()
    online_distillation: OnlineDistillationPhase = OnlineDistillationPhase()
    refinement: RefinementPhase = RefinementPhase()
    students: StudentsPhase = StudentsPhase()
    evaluation: EvaluationPhase = EvaluationPhase()
    comparison: ComparisonPhase = ComparisonPhase()


@dataclass(frozen=True)
class Phase:
    """One phase: its name in a spec, its field in `Phases` and its settings' type."""

    name: str
    field: str
    settings: type[PhaseSettings]


PHASES = tuple(
    Phase(info.alias or field, field, type(info.default)) for field, info in Phases.model_fields.items()
)
PHASE_BY_NAME = {phase.name: phase for phase in PHASES}
REUSABLE = tuple(phase for phase in PHASES if issubclass(phase.settings, ReusablePhase))
"""Those whose work an earlier run may stand in for."""
