"""What tells learners of one batch apart: the task they learn, and the seed that draws their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from collectiverun_trainer.config import Task


class SeededTask(Task):
    """A task as one seed of the run learns it; all else is the task's."""

    seed: int

    @classmethod
    def of(cls, task: Task, seed: int) -> SeededTask:
        """The task with the seed, not validated again."""
        return cls.model_construct(**dict(task), seed=seed)

    @property
    def plain(self) -> Task:
        """The task alone: what files, tables and environments know."""
        return Task.model_construct(**{name: value for name, value in self if name != "seed"})


def seeded(tasks: Sequence[Task], seeds: Sequence[int]) -> tuple[SeededTask, ...]:
    """Every task with every seed, seed by seed."""
    return tuple(SeededTask.of(task, seed) for seed in seeds for task in tasks)
