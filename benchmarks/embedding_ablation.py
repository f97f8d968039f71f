"""What the task embedding is worth: a collective trained with it, with the task's number, with nothing.

    python benchmarks/embedding_ablation.py RUN [RUN …] [--env-steps-per-task N] [--views z id none]

RUN is a run by name or root that has a collective; several, and the seeds of one, are seeds of one
configuration. For each seed and each view a collective is distilled anew by the run's own parameters
(--env-steps-per-task: another budget), differing in nothing but what stands where the embedding stands,
in training and in evaluation alike.

Prints Markdown: success on the reported goals (any step / at end), mean over the tasks, of each run and over
all with a 95 % interval (Student's t over the runs), then by task.
"""

from __future__ import annotations

import argparse
import sys
from statistics import fmean
from typing import Literal, get_args

import torch
from contenders import machine
from example_seeds import interval
from robots_transfer import of_seeds
from torch import Tensor

from collectiverun_trainer.collective.policy import CollectivePolicy
from collectiverun_trainer.config import OnlineDistillationParams, Task
from collectiverun_trainer.distillation.training import OnlineTraining
from collectiverun_trainer.learned import open_run
from collectiverun_trainer.learned.run import Run
from collectiverun_trainer.order import ArtifactReference, Success
from collectiverun_trainer.policy_files.learners import load_experts
from collectiverun_trainer.rollouts.evaluation import evaluate_reported

View = Literal["z", "id", "none"]
Rates = dict[Task, Success]


class ViewPolicy(CollectivePolicy):
    """Acts with something else where the embedding stands; rows lie task by task."""

    view: View = "z"
    tasks_side_by_side = 1

    def embed(self) -> Tensor:
        """What the network is told (n, Z): the embedding, the task's number as one hot place, zeros."""
        z = super().embed()
        if self.view == "z":
            return z
        told = torch.zeros_like(z)
        if self.view == "id":
            rows = torch.arange(len(z))
            told[rows, rows // (len(z) // self.tasks_side_by_side)] = 1.0
        return told


class ViewTraining(OnlineTraining):
    """Online distillation with that policy."""

    view: View = "z"

    def policy(self) -> ViewPolicy:
        """The policy of the network as it is now."""
        policy = ViewPolicy(self.encoder, self.network)
        policy.view, policy.tasks_side_by_side = self.view, len(self.tasks)
        return policy


def main() -> None:
    """Train every run's collectives and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--views", nargs="+", choices=get_args(View), default=list(get_args(View)))
    parser.add_argument("--env-steps-per-task", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    views: list[View] = arguments.views
    runs = [run for address in arguments.runs for run in of_seeds(open_run(address))]
    measured = {view: [distilled(run, view, arguments.env_steps_per_task) for run in runs] for view in views}
    print(machine(), by_run(measured), by_task(measured), sep="\n\n")


def distilled(run: Run, view: View, env_steps_per_task: int | None) -> Rates:
    """Success by task of a collective that is told what the view says."""
    artifacts = [run.artifact("experts", task) for task in run.tasks]
    inputs = [
        (ArtifactReference(member="", uri=artifact.uri, tasks=(task,)), artifact)
        for task, artifact in zip(run.tasks, artifacts, strict=True)
    ]
    experts, tasks = load_experts(inputs)
    config = run.artifact("onlineDistillation").manifest["config"]
    params = OnlineDistillationParams.model_validate(config["params"])
    if env_steps_per_task:
        params = params.model_copy(update={"env_steps_per_task": env_steps_per_task})
    seed, device = config["seed"], torch.device("cpu")
    trained = type("Training", (ViewTraining,), {"view": view})
    training = trained(tasks, run.environment, params, experts, run.encoder(), seed, device)
    while not training.done:
        training.play_round()
        if training.evaluation_due:
            training.evaluate()
            print(
                f"{run.root} {view}: {training.env_steps_per_task} {training.selection.best}", file=sys.stderr
            )
    training.best()
    outcomes = evaluate_reported(training.policy(), tasks, run.environment)
    return {task: outcome.success for task, outcome in outcomes.items()}


def by_run(measured: dict[View, list[Rates]]) -> str:
    """Mean success over the tasks."""
    rows = [f"| run | {' | '.join(measured)} |", "|---|" + "---|" * len(measured)]
    for index in range(len(next(iter(measured.values())))):
        cells = [_cell(list(rates[index].values())) for rates in measured.values()]
        rows.append(f"| {index + 1} | {' | '.join(cells)} |")
    for name, title in (("any_step", "any step"), ("at_end", "at end")):
        means = [
            [fmean(getattr(success, name) for success in rates.values()) for rates in of_view]
            for of_view in measured.values()
        ]
        rows.append(f"| all, {title} | {' | '.join(interval(values) for values in means)} |")
    return "\n".join(rows)


def by_task(measured: dict[View, list[Rates]]) -> str:
    """Success on each task, mean over the runs."""
    rows = [f"| task | {' | '.join(measured)} |", "|---|" + "---|" * len(measured)]
    for task in next(iter(measured.values()))[0]:
        cells = [_cell([rates[task] for rates in of_view]) for of_view in measured.values()]
        rows.append(f"| {task.env} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(rates: list[Success]) -> str:
    return f"{100 * fmean(r.any_step for r in rates):.0f} / {100 * fmean(r.at_end for r in rates):.0f}"


if __name__ == "__main__":
    main()
