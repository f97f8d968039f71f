"""The summary of a run as data: success with intervals, retention, students, costs (`summary.json`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from collectiverun_trainer.config import EnvironmentSettings, Model, Task
from collectiverun_trainer.order import RunIdentity, Success
from collectiverun_trainer.report.curves import Curve
from collectiverun_trainer.rollouts.outcomes import Outcomes, wilson_interval

Network = Literal["experts", "collective", "students", "controls", "zero", "shuffled"]
# Any-step success on selection goals from which a task counts as learned.
LEARNED = 0.8
ExpertSource = Literal["sac", "scripted"]
OutcomesByNetwork = Mapping[Network, Mapping[Task, Outcomes]]


class Rate(Model):
    """A success rate over episodes, with its Wilson 95 % interval."""

    successes: int = Field(ge=0)
    episodes: int = Field(ge=1)
    low: float = Field(description="Lower end of the Wilson 95 % interval.")
    high: float = Field(description="Upper end of the Wilson 95 % interval.")

    @property
    def value(self) -> float:
        """Share of the episodes that succeeded, 0..1."""
        return self.successes / self.episodes

    @classmethod
    def count(cls, successes: int, episodes: int) -> Rate:
        """The rate of `successes` in `episodes`."""
        low, high = wilson_interval(successes, episodes)
        return cls(successes=successes, episodes=episodes, low=low, high=high)


class Score(Model):
    """Success of a network at any env step of an episode, and at the last one."""

    any_step: Rate
    at_end: Rate

    @classmethod
    def of(cls, outcomes: Iterable[Outcomes]) -> Score:
        """All episodes of `outcomes` pooled."""
        every = list(outcomes)
        episodes = sum(len(one.any_step) for one in every)
        return cls(
            any_step=Rate.count(sum(int(one.any_step.sum()) for one in every), episodes),
            at_end=Rate.count(sum(int(one.at_end.sum()) for one in every), episodes),
        )

    @property
    def success(self) -> Success:
        """The two rates alone."""
        return Success(any_step=self.any_step.value, at_end=self.at_end.value)


class TaskScores(Model):
    """One row of the success table."""

    task: Task
    expert_source: ExpertSource = "sac"
    scores: dict[Network, Score]


class Retention(Model):
    """Success of the collective divided by the experts'; None where the experts never succeed."""

    any_step: float | None
    at_end: float | None


class StudentGain(Model):
    """A student compared with its control, at equal seed and budget."""

    task: Task
    mode: str = Field("shaping", description="'shaping' or 'finetune'.")
    threshold: float = Field(description="Any-step success on selection goals that counts as learned.")
    student_env_steps: int | None = Field(description="Env steps until the threshold; None: never reached.")
    control_env_steps: int | None = Field(description="The same for the control.")
    student_mean: float = Field(description="Mean any-step success over the evaluations while learning.")
    control_mean: float = Field(description="The same for the control.")


class QualityMetric(Model):
    """One metric of how well task embeddings separate the tasks."""

    name: str
    value: float
    chance: float = Field(description="Value for embeddings without information.")
    untrained: float | None = Field(None, description="Value before the encoder's first gradient step.")


class HistoryAccuracy(Model):
    """kNN task accuracy from histories of some length."""

    from_decisions: int
    to_decisions: int
    windows: int
    accuracy: float


class PhaseCost(Model):
    """Cost of a phase, summed over its members."""

    phase: str
    members: int
    env_steps: int
    wall_seconds: float
    cpu_seconds: float
    gpu_seconds: float = 0.0
    """Wall time of the members that computed on a GPU."""


class Machine(Model):
    """Where the evaluation ran."""

    platform: str
    processor: str
    cores: int
    device: str


class Summary(Model):
    """Every number of the report."""

    headline: str = Field("", description="What the run shows, in one sentence.")
    findings: tuple[str, ...] = Field((), description="What else it shows, a sentence each.")
    run: RunIdentity
    smoke: bool = Field(False, description="Budgets were lowered to seconds: success means nothing.")
    seed: int
    environment: EnvironmentSettings
    success: dict[Network, Success]
    overall: dict[Network, Score]
    robots: dict[str, dict[Network, Score]] = Field(
        default_factory=dict, description="Over the tasks of each robot, where there are several."
    )
    retention: Retention
    tasks: tuple[TaskScores, ...]
    holdout: tuple[TaskScores, ...] = ()
    holdout_robots: dict[str, dict[Network, Score]] = Field(
        default_factory=dict, description="Over the unseen tasks of each robot, where the run has several."
    )
    unseen_robots: tuple[str, ...] = Field(
        (), description="Robots of unseen tasks alone: no expert has them."
    )
    students: tuple[StudentGain, ...] = ()
    embedding: tuple[QualityMetric, ...] = ()
    embedding_positives: str = Field("", description="'sameTask' or 'selfSupervised'; '' where unknown.")
    embedding_by_task: dict[str, float] = Field(
        default_factory=dict, description="kNN accuracy of each task's windows, by the task's name."
    )
    embedding_by_robot: dict[str, float] = Field(
        default_factory=dict, description="kNN task accuracy among the windows of each robot."
    )
    embedding_by_history: tuple[HistoryAccuracy, ...] = ()
    phases: tuple[PhaseCost, ...] = ()
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    machine: Machine | None = None
    inputs: dict[str, str] = Field(
        default_factory=dict, description="Manifest digest of every artifact read."
    )
    spec: dict[str, Any] = Field(default_factory=dict)


def task_table(
    outcomes: OutcomesByNetwork, tasks: Iterable[Task], sources: Mapping[Task, ExpertSource]
) -> tuple[TaskScores, ...]:
    """One row per task with the scores of every network evaluated on it."""
    return tuple(
        TaskScores(
            task=task,
            expert_source=sources.get(task, "sac"),
            scores={name: Score.of([by_task[task]]) for name, by_task in outcomes.items() if task in by_task},
        )
        for task in tasks
    )


def pooled(outcomes: OutcomesByNetwork, tasks: Iterable[Task]) -> dict[Network, Score]:
    """The score of each network over all its episodes on `tasks`."""
    pooled_tasks = set(tasks)
    chosen = {
        name: [o for task, o in by_task.items() if task in pooled_tasks] for name, by_task in outcomes.items()
    }
    return {name: Score.of(some) for name, some in chosen.items() if some}


def by_robot(
    outcomes: OutcomesByNetwork, tasks: Sequence[Task], others: Sequence[Task] = ()
) -> dict[str, dict[Network, Score]]:
    """`pooled` over the tasks of each robot; empty where all, those of `others` too, have the same."""
    robots = dict.fromkeys(task.robot for task in tasks)
    if len(robots.keys() | {task.robot for task in others}) < 2:
        return {}
    return {robot: pooled(outcomes, [task for task in tasks if task.robot == robot]) for robot in robots}


def retention(overall: Mapping[Network, Score]) -> Retention:
    """Collective ÷ experts, of the pooled rates."""
    collective, experts = overall["collective"].success, overall["experts"].success
    return Retention(
        any_step=_ratio(collective.any_step, experts.any_step),
        at_end=_ratio(collective.at_end, experts.at_end),
    )


def student_gain(task: Task, mode: str, student: Curve, control: Curve) -> StudentGain:
    """Comparison of two learning curves on one task, measured on the same goals."""
    return StudentGain(
        task=task,
        mode=mode,
        threshold=LEARNED,
        student_env_steps=student.env_steps_to(LEARNED),
        control_env_steps=control.env_steps_to(LEARNED),
        student_mean=student.mean,
        control_mean=control.mean,
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
