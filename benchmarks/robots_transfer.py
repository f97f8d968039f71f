"""What is learned on one arm, tried on another: experts zero-shot, experts of each arm, the collective.

    collectiverun run -f benchmarks/robots_transfer.yaml     # three seeds, 1 to 2 hours of one core
    OMP_NUM_THREADS=1 python benchmarks/robots_transfer.py robots-transfer

Reads a finished run whose tasks are the same environments on several arms, some held out, and plays every
expert of the first arm on all arms, on the reported goals. Prints Markdown: success at any step / at the end,
per cent, mean over the seeds with a 95 % interval (Student's t), by task and arm:

* the first arm's experts on each arm, as they are;
* experts that were trained on that arm, where there are some;
* the collective, which was trained on the arms that are not held out, and is told neither task nor arm.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from statistics import fmean

import torch
from contenders import machine
from example_seeds import interval

from collectiverun_trainer.config import Task
from collectiverun_trainer.learned import Run, open_run
from collectiverun_trainer.order import Success
from collectiverun_trainer.rollouts.evaluation import evaluate_reported

Rates = dict[Task, list[Success]]
"""By task the success of each seed."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="name or root")
    runs = list(of_seeds(open_run(parser.parse_args().run)))
    arms = tuple(dict.fromkeys(task.robot for task in tasks_of(runs[0])))
    settings = runs[0].environment
    protocol = (
        f"{len(runs)} seeds, {settings.goals} goals a task, horizon {settings.horizon_env_steps} env steps,"
        " deterministic; cells: any step / at end, per cent."
    )
    tables = {
        f"Experts of {arms[0]}, as they are": zero_shot(runs, arms[0]),
        "Experts of the arm": outcomes(runs, "experts"),
        "Collective": outcomes(runs, "collective"),
    }
    print(machine(), protocol, sep="\n\n")
    for title, rates in tables.items():
        print(f"\n**{title}**\n", *rows(rates, arms), sep="\n")


def of_seeds(run: Run) -> Iterator[Run]:
    """The run, as each of its seeds has done it."""
    return (run.of_seed(seed) for seed in run.seeds)


def tasks_of(run: Run) -> tuple[Task, ...]:
    """Those of the run, then those that were held out."""
    return tuple(dict.fromkeys((*run.tasks, *run.outcomes()["collective"])))


def zero_shot(runs: list[Run], arm: str) -> Rates:
    """Each expert of an arm, on its environment with every arm."""
    found: Rates = {}
    for run in runs:
        for task in tasks_of(run):
            own = Task(env=task.env, robot=arm)
            policy = run.expert(own).policy
            outcome = evaluate_reported({task: policy}, [task], run.environment)[task]
            found.setdefault(task, []).append(outcome.success)
    return found


def outcomes(runs: list[Run], network: str) -> Rates:
    """What the evaluation found."""
    found: Rates = {}
    for run in runs:
        for task, outcome in run.outcomes()[network].items():
            found.setdefault(task, []).append(outcome.success)
    return found


def rows(rates: Mapping[Task, list[Success]], arms: tuple[str, ...]) -> Iterator[str]:
    """A Markdown table: a row an environment, a column an arm, the mean over environments last."""
    yield f"| | {' | '.join(arms)} |"
    yield "|---|" + "---|" * len(arms)
    names = dict.fromkeys(task.env for task in rates)
    for name in names:
        cells = [_cell(rates.get(Task(env=name, robot=arm))) for arm in arms]
        yield f"| {name} | {' | '.join(cells)} |"
    yield f"| **all** | {' | '.join(_all(rates, list(names), arm) for arm in arms)} |"


def _cell(seeds: list[Success] | None) -> str:
    if not seeds:
        return "–"
    return (
        f"{100 * fmean(one.any_step for one in seeds):.0f} / {100 * fmean(one.at_end for one in seeds):.0f}"
    )


def _all(rates: Mapping[Task, list[Success]], names: list[str], arm: str) -> str:
    """The mean over environments of each seed, over the seeds with its interval."""
    found = [rates[task] for name in names if (task := Task(env=name, robot=arm)) in rates]
    if not found:
        return "–"
    by_seed = list(zip(*found, strict=True))
    any_step = [fmean(one.any_step for one in seed) for seed in by_seed]
    at_end = [fmean(one.at_end for one in seed) for seed in by_seed]
    return f"**{interval(any_step)} / {interval(at_end)}**"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
