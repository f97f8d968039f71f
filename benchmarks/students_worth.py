"""What a collective is worth to new learners: env steps to 80 % of students, divided by their controls'.

    collectiverun run -f benchmarks/students_worth.yaml      # three seeds, about an hour of one core
    python benchmarks/students_worth.py students-worth

Reads a finished run with students. Prints Markdown: by task and seed the env steps at which a student's
and its control's success on selection goals, at any step, first reached 80 %, and their ratio; then the
mean ratio of each seed's tasks with a 95 % interval (Student's t over the seeds), for tasks that the
collective was taught and for those it never saw. Who never gets there counts as if it had with its last
env step: marked with >; a ratio below 1 is then too large, one above 1 too small. Last the reported
goals.
"""

from __future__ import annotations

import argparse
from statistics import fmean, stdev
from typing import Any

from contenders import machine
from robots_transfer import of_seeds
from scipy.stats import t as student_t

from collectiverun_trainer.config import Task
from collectiverun_trainer.learned import Run, open_run

Gains = dict[Task, list[dict[str, Any]]]
"""By task what the summary of each seed says of its student."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="name or root")
    runs = list(of_seeds(open_run(parser.parse_args().run)))
    params = runs[0].artifact("students").manifest["config"]["params"]
    gains: Gains = {}
    for run in runs:
        for gain in run.summary()["students"]:
            gains.setdefault(Task.model_validate(gain["task"]), []).append(gain)
    budget = params["totalEnvSteps"]
    print(machine())
    print(f"\n{len(runs)} seeds, mode {params['mode']}, at most {budget:,} env steps a learner.\n")
    print(*steps_by_task(gains, budget, [run.seed for run in runs]), sep="\n")
    taught = {task: found for task, found in gains.items() if task in runs[0].tasks}
    unseen = {task: found for task, found in gains.items() if task not in runs[0].tasks}
    for title, some in (("Tasks of the collective", taught), ("Tasks that it never saw", unseen)):
        if some:
            print(f"\n{title}: {mean_ratio(some, budget)}.")
    print("\nReported goals, any step / at end, mean over the seeds:\n", *reported(runs, gains), sep="\n")


def steps_by_task(gains: Gains, budget: int, seeds: list[int]) -> list[str]:
    """A row a task, a column a seed."""
    heads = [f"seed {seed}" for seed in seeds]
    rows = [f"| student / control | {' | '.join(heads)} | mean ratio |", "|---" * (len(heads) + 2) + "|"]
    for task, found in gains.items():
        cells = [
            f"{_steps(gain['studentEnvSteps'], budget)} / {_steps(gain['controlEnvSteps'], budget)}"
            for gain in found
        ]
        ratio = fmean(_ratio(gain, budget) for gain in found)
        rows.append(f"| {task.env} | {' | '.join(cells)} | {ratio:.2f} |")
    return rows


def mean_ratio(gains: Gains, budget: int) -> str:
    """Over the tasks of each seed, then over the seeds with an interval."""
    by_seed = [fmean(_ratio(gain, budget) for gain in seed) for seed in zip(*gains.values(), strict=True)]
    mean = fmean(by_seed)
    if len(by_seed) == 1:
        return f"ratio {mean:.2f} (one seed)"
    half = float(student_t.ppf(0.975, len(by_seed) - 1)) * stdev(by_seed) / len(by_seed) ** 0.5
    return f"ratio {mean:.2f} ({max(0.0, mean - half):.2f} to {mean + half:.2f})"


def reported(runs: list[Run], gains: Gains) -> list[str]:
    """A row a task: students and controls on the goals that chose nothing."""
    rows = ["| task | students | controls |", "|---|---|---|"]
    for task in gains:
        cells = []
        for network in ("students", "controls"):
            found = [run.outcomes()[network][task].success for run in runs]
            any_step, at_end = (fmean(getattr(one, name) for one in found) for name in ("any_step", "at_end"))
            cells.append(f"{100 * any_step:.0f} / {100 * at_end:.0f}")
        rows.append(f"| {task.env} | {' | '.join(cells)} |")
    return rows


def _ratio(gain: dict[str, Any], budget: int) -> float:
    return float((gain["studentEnvSteps"] or budget) / (gain["controlEnvSteps"] or budget))


def _steps(reached: int | None, budget: int) -> str:
    return f"{reached:,}" if reached else f"> {budget:,}"


if __name__ == "__main__":
    main()
