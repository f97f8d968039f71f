"""What online distillation and refinement report of an evaluation, alike."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from collectiverun_trainer.config import Task
from collectiverun_trainer.process.reporter import Reporter
from collectiverun_trainer.rollouts.outcomes import Outcomes


def report_evaluation(
    reporter: Reporter,
    env_steps: int,
    gradient_steps: int,
    outcomes: Mapping[Task, Outcomes],
    validation: Mapping[str, Tensor],
) -> None:
    """Emit success and validation losses (tasks,) of every task, tasks in the order of `outcomes`."""
    for index, (task, outcome) in enumerate(outcomes.items()):
        losses = {f"validation/{name}": float(loss[index]) for name, loss in validation.items()}
        reporter.metrics(env_steps, gradient_steps, outcome.metrics() | losses, task)
