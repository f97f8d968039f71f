"""The phases as data: their order, their members and what each reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collectiverun_operator.api.spec import PhaseSettings, RunTask, Spec

SINGLE_MEMBER = "all"


@dataclass(frozen=True)
class Phase:
    """One phase. `reads`: per input the phases that may provide it; the first one that is enabled does."""

    name: str
    field: str
    # Short enough for a Job's name: run (40), hash (8), four digits of attempt and three hyphens leave 8.
    short_name: str
    reads: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Member:
    """The work of one Job of a phase, and the tasks it is about."""

    name: str
    tasks: tuple[RunTask, ...]


EXPERTS = Phase("experts", "experts", "experts")
TRAJECTORY_TRANSFORMER = Phase(
    "trajectoryTransformer", "trajectory_transformer", "encode", reads=(("experts",),)
)
ONLINE_DISTILLATION = Phase(
    "onlineDistillation", "online_distillation", "distill", reads=(("experts",), ("trajectoryTransformer",))
)
REFINEMENT = Phase("refinement", "refinement", "refine", reads=(("onlineDistillation",),))
STUDENTS = Phase("students", "students", "students", reads=(("refinement", "onlineDistillation"),))
EVALUATION = Phase(
    "evaluation",
    "evaluation",
    "evaluate",
    reads=(("experts",), ("trajectoryTransformer",), ("onlineDistillation",), ("refinement",), ("students",)),
)
PHASES = (EXPERTS, TRAJECTORY_TRANSFORMER, ONLINE_DISTILLATION, REFINEMENT, STUDENTS, EVALUATION)


def settings_of(spec: Spec, phase: Phase) -> PhaseSettings:
    """What the spec says about a phase."""
    settings: PhaseSettings = getattr(spec.phases, phase.field)
    return settings


def is_enabled(spec: Spec, phase: Phase) -> bool:
    """Whether the phase runs at all."""
    return bool(getattr(settings_of(spec, phase), "enabled", True))


def params_of(spec: Spec, phase: Phase) -> dict[str, Any]:
    """A phase's parameters, defaults filled in, as JSON."""
    document: dict[str, Any] = settings_of(spec, phase).model_dump(mode="json", by_alias=True)["params"]
    return document


def parallelism_of(spec: Spec, phase: Phase) -> int:
    """How many Jobs of the phase may live at once."""
    return int(getattr(settings_of(spec, phase), "parallelism", 1))


def inputs_of(spec: Spec, phase: Phase) -> tuple[str, ...]:
    """Names of the phases whose artifacts this one reads."""
    enabled = {other.name for other in PHASES if is_enabled(spec, other)}
    found = (next((name for name in names if name in enabled), None) for names in phase.reads)
    return tuple(name for name in found if name is not None)


def training_tasks(spec: Spec) -> tuple[RunTask, ...]:
    """Every task that is not held out."""
    return tuple(task for task in spec.tasks if not task.holdout)


def holdout_tasks(spec: Spec) -> tuple[RunTask, ...]:
    """Every task the collective is never trained on."""
    return tuple(task for task in spec.tasks if task.holdout)


def members_of(spec: Spec, phase: Phase) -> tuple[Member, ...]:
    """The phase's members, in a fixed order; none if it is disabled."""
    if not is_enabled(spec, phase):
        return ()
    if phase is EXPERTS:
        return tuple(_groups(training_tasks(spec), spec.phases.experts.tasks_per_job))
    if phase is STUDENTS:
        return tuple(Member(task.name, (task,)) for task in _student_tasks(spec))
    return (Member(SINGLE_MEMBER, training_tasks(spec)),)


def _groups(tasks: tuple[RunTask, ...], size: int) -> Iterator[Member]:
    if size == 1:
        yield from (Member(task.name, (task,)) for task in tasks)
        return
    for index, start in enumerate(range(0, len(tasks), size)):
        yield Member(f"group-{index}", tasks[start : start + size])


def _student_tasks(spec: Spec) -> tuple[RunTask, ...]:
    """The tasks `students.params.tasks` names, or all that are trained on."""
    named = {task.name for task in spec.phases.students.params.tasks}
    return tuple(task for task in spec.tasks if task.name in named) if named else training_tasks(spec)
