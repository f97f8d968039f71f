"""From opened artifacts and measured outcomes to the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import Phase, Task
from collectiverun_trainer.order import PhaseOrder
from collectiverun_trainer.report import reading
from collectiverun_trainer.report.curves import Curve, curves
from collectiverun_trainer.report.headline import findings, headline
from collectiverun_trainer.report.reading import EmbeddingMap
from collectiverun_trainer.report.summary import (
    ExpertSource,
    HistoryAccuracy,
    Machine,
    OutcomesByNetwork,
    PhaseCost,
    QualityMetric,
    StudentGain,
    Summary,
    by_robot,
    pooled,
    retention,
    student_gain,
    task_table,
)


@dataclass(frozen=True)
class PriorPhases:
    """What earlier phases published for the report; read first, so that a damaged file fails at once."""

    artifacts: tuple[Artifact, ...]
    records: dict[Phase, list[dict[str, Any]]]
    curves: tuple[Curve, ...]
    costs: tuple[PhaseCost, ...]
    expert_sources: dict[Task, ExpertSource]
    quality: tuple[QualityMetric, ...]
    accuracy_by_history: tuple[HistoryAccuracy, ...]
    accuracy_by_task: dict[str, float]
    accuracy_by_robot: dict[str, float]
    embedding_map: EmbeddingMap
    positives: str
    student_mode: str

    @classmethod
    def read(cls, inputs: Mapping[Phase, Sequence[Artifact]]) -> PriorPhases:
        """Read it from the artifacts of each phase. Raises InputInvalid for what is missing or damaged."""
        records = {phase: reading.metrics(artifacts) for phase, artifacts in inputs.items()}
        encoder = inputs["trajectoryTransformer"][0]
        return cls(
            artifacts=tuple(chain.from_iterable(inputs.values())),
            records=records,
            curves=success_curves(records),
            costs=tuple(reading.cost(phase, artifacts) for phase, artifacts in inputs.items()),
            expert_sources=reading.expert_sources(inputs["experts"]),
            quality=reading.quality(encoder),
            accuracy_by_history=reading.accuracy_by_history(encoder),
            accuracy_by_task=reading.accuracy_by_task(encoder),
            accuracy_by_robot=reading.accuracy_by_robot(encoder),
            embedding_map=reading.embedding_map(encoder),
            positives=reading.parameter(inputs["trajectoryTransformer"], "positives"),
            student_mode=reading.parameter(inputs.get("students", ()), "mode"),
        )


def success_curves(records: Mapping[Phase, list[dict[str, Any]]]) -> tuple[Curve, ...]:
    """Success while learning: of each expert, of the collective, of students and their controls.

    `records`: the metrics of each phase.
    """
    students = records.get("students", [])
    return (
        *curves(records["experts"], "experts"),
        *curves(records["onlineDistillation"], "collective"),
        *curves(students, "students", prefix="student/"),
        *curves(students, "controls", prefix="control/"),
    )


def summarise(
    order: PhaseOrder,
    prior: PriorPhases,
    outcomes: OutcomesByNetwork,
    own_cost: PhaseCost,
    versions: Mapping[str, str],
    machine: Machine,
) -> Summary:
    """All numbers of the report, with the sentences that follow from them."""
    overall = pooled(outcomes, order.tasks)
    summary = Summary(
        run=order.run,
        smoke=order.smoke,
        seed=order.seed,
        environment=order.environment,
        success={name: score.success for name, score in overall.items()},
        overall=overall,
        robots=by_robot(outcomes, order.tasks),
        retention=retention(overall),
        tasks=task_table(outcomes, order.tasks, prior.expert_sources),
        holdout=task_table(outcomes, order.holdout, {}),
        holdout_robots=by_robot(outcomes, order.holdout, order.tasks),
        unseen_robots=_unseen_robots(order),
        students=_gains(prior, order.tasks + order.holdout),
        embedding=prior.quality,
        embedding_positives=prior.positives,
        embedding_by_history=prior.accuracy_by_history,
        embedding_by_task=prior.accuracy_by_task,
        embedding_by_robot=prior.accuracy_by_robot,
        phases=(*prior.costs, own_cost),
        notes=(*_notes(order, prior), *reading.version_notes(versions, prior.artifacts)),
        versions=dict(versions),
        machine=machine,
        inputs={f"{a.manifest['phase']}/{a.manifest['member']}": a.manifest_sha256 for a in prior.artifacts},
        spec=order.spec,
    )
    return summary.model_copy(update={"headline": headline(summary), "findings": findings(summary)})


def _unseen_robots(order: PhaseOrder) -> tuple[str, ...]:
    trained = {task.robot for task in order.tasks}
    return tuple(dict.fromkeys(task.robot for task in order.holdout if task.robot not in trained))


def _notes(order: PhaseOrder, prior: PriorPhases) -> list[str]:
    """The notes of phases, which are about success; a smoke run had no time for any."""
    return [] if order.smoke else reading.notes(prior.artifacts)


def _gains(prior: PriorPhases, tasks: Sequence[Task]) -> tuple[StudentGain, ...]:
    """Each student compared with its control, in the order of the run's tasks."""
    students, controls = (
        {curve.task: curve for curve in prior.curves if curve.series == series}
        for series in ("students", "controls")
    )
    return tuple(
        student_gain(task, prior.student_mode, students[task.name], controls[task.name])
        for task in tasks
        if task.name in students
    )
