"""The tasks of a run, and who works on them: the members of a phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from collectiverun_trainer.config import TASK_LIMIT, Task

SINGLE_MEMBER = "all"
_SEED = "seed-"


class RunTask(Task):
    """A task of the run. The collective never trains on a holdout task; it is evaluated on it."""

    holdout: bool = Field(
        False,
        description="Exclude the task from training; the collective is evaluated on it zero-shot.",
    )


@dataclass(frozen=True)
class Member:
    """The work of one Job of a phase, the tasks it is about, and the seeds it is done for."""

    name: str
    tasks: tuple[RunTask, ...]
    seeds: tuple[int, ...] = (1,)


def training_tasks(tasks: Sequence[RunTask]) -> tuple[RunTask, ...]:
    """Every task that is not held out."""
    return tuple(task for task in tasks if not task.holdout)


def holdout_tasks(tasks: Sequence[RunTask]) -> tuple[RunTask, ...]:
    """Every task that the collective is never trained on."""
    return tuple(task for task in tasks if task.holdout)


def members_by_task(tasks: Sequence[RunTask], per_member: int, seeds: tuple[int, ...]) -> tuple[Member, ...]:
    """A member for each task, under the task's name, or for each `per_member` of them, for all seeds."""
    if per_member == 1:
        return tuple(Member(task.name, (task,), seeds) for task in tasks)
    groups = [tuple(tasks[start : start + per_member]) for start in range(0, len(tasks), per_member)]
    return tuple(Member(f"group-{i}", group, seeds) for i, group in enumerate(groups))


def member_per_seed(tasks: tuple[RunTask, ...], seeds: tuple[int, ...]) -> tuple[Member, ...]:
    """A member for each seed that works for all tasks; one seed alone needs no name."""
    if len(seeds) == 1:
        return (Member(SINGLE_MEMBER, tasks, seeds),)
    return tuple(Member(f"{_SEED}{seed}", tasks, (seed,)) for seed in seeds)


def seed_of(member: str) -> str:
    """The seed of one of these members by its name; empty of any other member."""
    seed = member.removeprefix(_SEED)
    return seed if seed != member and seed.isdecimal() else ""


def check_tasks(tasks: tuple[RunTask, ...]) -> tuple[RunTask, ...]:
    names = [task.name for task in tasks]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(map(repr, repeated))} is listed more than once; list every task once")
    if all(task.holdout for task in tasks):
        raise ValueError("every task is a holdout; at least one must be trained on")
    return tasks


Tasks = Annotated[
    tuple[RunTask, ...], Field(min_length=1, max_length=TASK_LIMIT), AfterValidator(check_tasks)
]
