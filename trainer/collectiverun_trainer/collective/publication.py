"""What online distillation and refinement say and publish alike."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.collective.network import Collective, save_collective
from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.learning.selection import mean_success
from collectiverun_trainer.order import Success
from collectiverun_trainer.process.reporter import Reporter
from collectiverun_trainer.rollouts.evaluation import Outcomes, evaluate

EVALUATION_NAME = "evaluation.json"


def figures(outcome: Outcomes) -> dict[str, float]:
    """One task's figures of an evaluation on selection goals, by metric name."""
    success = outcome.success
    return {
        "evaluation/success_any_step": success.any_step,
        "evaluation/success_at_end": success.at_end,
        "evaluation/return": float(outcome.returns.mean()),
    }


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
        reporter.metrics(env_steps, gradient_steps, figures(outcome) | losses, task)


def add_collective(writer: ArtifactWriter, collective: Collective, settings: EnvironmentSettings) -> Success:
    """Add the collective and its outcomes on the reported goals; the mean success over its tasks."""
    outcomes = evaluate(collective.policy(), collective.tasks, settings, settings.goal_seed, settings.goals)
    save_collective(writer, collective)
    document = {task.name: outcome.to_document() for task, outcome in outcomes.items()}
    writer.add_json(EVALUATION_NAME, document)
    return mean_success(outcomes.values())


def copy_evaluation(source: Artifact, writer: ArtifactWriter) -> Success:
    """Copy the outcomes that lie beside a collective; the mean success over its tasks."""
    document = source.read_json(EVALUATION_NAME)
    writer.add_json(EVALUATION_NAME, document)
    return mean_success(Outcomes.from_document(outcome) for outcome in document.values())
