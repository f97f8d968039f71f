"""What is learned on one arm, tried on another: experts zero-shot, experts of each arm, the collective.

    collectiverun run -f benchmarks/robots_transfer.yaml     # three seeds, 1 to 2 hours of one core
    OMP_NUM_THREADS=1 python benchmarks/robots_transfer.py robots-transfer [--folder FOLDER] [--control joint]

Reads a finished run whose tasks are the same environments on several arms, some held out, and plays every
expert of the first arm on all arms, on the reported goals. Experts of the held-out tasks are trained in a
second run, for comparison alone; it lies below --folder, else in a temporary one, and a finished one is only
read again. Prints Markdown: success at any step / at the end, per cent, mean over the seeds with a 95 %
interval (Student's t), by task and arm:

* the first arm's experts on each arm, as they are;
* experts that were trained on that arm;
* the collective, which was trained on the arms that are not held out, and is told neither task nor arm;
* by how many points it is ahead of both kinds of experts, seed by seed.

With --control all of them are tried under that `environment.control`, whichever the run has learned under.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import get_args

import torch
from contenders import machine
from example_seeds import interval, mean_and_half
from measured_runs import experts_trained

from collectiverun_trainer.config import Control, EnvironmentSettings, Task
from collectiverun_trainer.learned import Run, open_run
from collectiverun_trainer.order import Success
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.policy import Policy

Rates = dict[Task, list[Success]]
"""By task the success of each seed."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="name or root")
    parser.add_argument("--folder", type=Path, help="where the held-out tasks' experts lie; else temporary")
    parser.add_argument("--control", choices=get_args(Control), help="by default that of the run")
    arguments = parser.parse_args()
    first = open_run(arguments.run)
    runs = list(of_seeds(first))
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="held-out-"))
    others = list(of_seeds(held_out_experts(first, folder)))
    arms = tuple(dict.fromkeys(task.robot for task in tasks_of(runs[0])))
    learned = runs[0].environment
    settings = learned.model_copy(update={"control": arguments.control or learned.control})
    protocol = (
        f"{len(runs)} seeds, {settings.goals} goals a task, horizon {settings.horizon_env_steps} env steps,"
        f" deterministic, learned by control {learned.control}, tried by {settings.control};"
        " cells: any step / at end, per cent."
    )
    experts = {
        f"Experts of {arms[0]}, as they are": zero_shot(runs, arms[0], settings),
        "Experts of the arm": of_the_arm(runs, settings) | of_the_arm(others, settings),
    }
    collective = of_the_collective(runs, settings)
    print(machine(), protocol, sep="\n\n")
    for title, rates in (experts | {"Collective": collective}).items():
        print(f"\n**{title}**\n", *rows(rates, arms), sep="\n")
    print("\n**The collective is ahead by** (points, seed by seed)\n", _heading(arms), sep="\n")
    for title, rates in experts.items():
        print(f"| {title} | {' | '.join(_ahead(collective, rates, arm) for arm in arms)} |")


def of_seeds(run: Run) -> Iterator[Run]:
    """The run, as each of its seeds has done it."""
    return (run.of_seed(seed) for seed in run.seeds)


def tasks_of(run: Run) -> tuple[Task, ...]:
    """Those of the run, then those that were held out."""
    return tuple(dict.fromkeys((*run.tasks, *run.outcomes()["collective"])))


def held_out_experts(run: Run, folder: Path) -> Run:
    """A run with experts of the tasks that this one has held out, trained as its own were."""
    spec = run.summary()["spec"]
    spec.pop("seed", None)
    spec["seeds"] = list(run.seeds)
    spec["tasks"] = [{**task, "holdout": False} for task in spec["tasks"] if task["holdout"]]
    body = {
        "apiVersion": "collectiverl.io/v1alpha1",
        "kind": "CollectiveRun",
        "metadata": {"name": "held-out"},
        "spec": spec,
    }
    return open_run(experts_trained(body, folder))


def zero_shot(runs: list[Run], arm: str, settings: EnvironmentSettings) -> Rates:
    """Each expert of an arm, on its environment with every arm."""
    found: Rates = {}
    for run in runs:
        for task in tasks_of(run):
            policy = run.expert(Task(env=task.env, robot=arm)).policy
            found.setdefault(task, []).append(success({task: policy}, settings)[task])
    return found


def of_the_arm(runs: list[Run], settings: EnvironmentSettings) -> Rates:
    """Each expert on its own task."""
    return by_task(success({task: run.expert(task).policy for task in run.tasks}, settings) for run in runs)


def of_the_collective(runs: list[Run], settings: EnvironmentSettings) -> Rates:
    """The collective on every task."""
    found = []
    for run in runs:
        outcomes = evaluate_reported(run.collective().policy, tasks_of(run), settings)
        found.append({task: outcome.success for task, outcome in outcomes.items()})
    return by_task(found)


def success(policies: Mapping[Task, Policy], settings: EnvironmentSettings) -> dict[Task, Success]:
    """Of each policy on its task."""
    found = {task: evaluate_reported(one, [task], settings)[task] for task, one in policies.items()}
    return {task: outcome.success for task, outcome in found.items()}


def by_task(of_seeds: Iterable[Mapping[Task, Success]]) -> Rates:
    """The seeds' success together."""
    found: Rates = {}
    for seed in of_seeds:
        for task, one in seed.items():
            found.setdefault(task, []).append(one)
    return found


def rows(rates: Rates, arms: tuple[str, ...]) -> Iterator[str]:
    """A Markdown table: a row an environment, a column an arm, the mean over environments last."""
    yield _heading(arms)
    names = dict.fromkeys(task.env for task in rates)
    for name in names:
        cells = [_cell(rates[Task(env=name, robot=arm)]) for arm in arms]
        yield f"| {name} | {' | '.join(cells)} |"
    yield f"| **all** | {' | '.join(_all(rates, arm) for arm in arms)} |"


def _heading(arms: tuple[str, ...]) -> str:
    return f"| | {' | '.join(arms)} |\n|---|{'---|' * len(arms)}"


def _cell(seeds: list[Success]) -> str:
    return (
        f"{100 * fmean(one.any_step for one in seeds):.0f} / {100 * fmean(one.at_end for one in seeds):.0f}"
    )


def _all(rates: Rates, arm: str) -> str:
    """The mean over the seeds with its interval, any step / at end."""
    return f"**{' / '.join(interval(values) for values in _of_seeds(rates, arm))}**"


def _ahead(rates: Rates, others: Rates, arm: str) -> str:
    """By how much the first are better than the others with the same arm; any step / at end."""
    pairs = zip(_of_seeds(rates, arm), _of_seeds(others, arm), strict=True)
    differences = [[a - b for a, b in zip(own, other, strict=True)] for own, other in pairs]
    cells = []
    for mean, half in map(mean_and_half, differences):
        cells.append(f"{100 * mean:.1f} ({100 * (mean - half):.1f} to {100 * (mean + half):.1f})")
    return " / ".join(cells)


def _of_seeds(rates: Rates, arm: str) -> tuple[list[float], list[float]]:
    """Success at any step and at the end of each seed with an arm, the mean over its environments."""
    by_seed = list(zip(*(seeds for task, seeds in rates.items() if task.robot == arm), strict=True))
    return (
        [fmean(one.any_step for one in seed) for seed in by_seed],
        [fmean(one.at_end for one in seed) for seed in by_seed],
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
