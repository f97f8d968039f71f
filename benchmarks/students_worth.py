"""What a collective is worth to new learners: env steps to 80 % of students, divided by their controls'.

    collectiverun run -f benchmarks/students_worth.yaml      # three seeds, about an hour of one core
    python benchmarks/students_worth.py students-worth

Reads what phase students has published, also of a run that is still under way. Prints Markdown: by task
and seed the env steps at which a student's and its control's success on selection goals, at any step,
first reached 80 %, and their ratio; then the mean ratio of each seed's tasks with a 95 % interval
(Student's t over the seeds that have all of them), for tasks that the collective was taught and for
those it never saw. Who never gets there counts as if it had with its last env step: marked with >; a
ratio below 1 is then too large, one above 1 too small. Then success over all evaluations, as a student may
know its task at once and lose it again, and on the reported goals.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from contenders import machine
from example_seeds import mean_and_half
from robots_transfer import of_seeds

from collectiverun_trainer.artifacts.reuse import tasks_of
from collectiverun_trainer.config import Task
from collectiverun_trainer.learned import Run, open_run
from collectiverun_trainer.rollouts.outcomes import Outcomes

LEARNED: Final = 0.8


@dataclass(frozen=True)
class Pair:
    """A student and its control on one task, of one seed."""

    env_steps: tuple[int | None, int | None]
    """At which each had learned the task; None: never."""
    budget: int
    throughout: tuple[float, float]
    """Mean any-step success of each over all its evaluations."""
    reported: tuple[Outcomes, Outcomes]

    @property
    def ratio(self) -> float:
        """Of their env steps."""
        student, control = (self.budget if steps is None else steps for steps in self.env_steps)
        return student / control

    def __str__(self) -> str:
        return " / ".join(f"> {self.budget:,}" if steps is None else f"{steps:,}" for steps in self.env_steps)


Pairs = dict[Task, dict[int, Pair]]
"""By task and seed."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="name or root")
    runs = list(of_seeds(open_run(parser.parse_args().run)))
    pairs: Pairs = {}
    for run in runs:
        for task, pair in pairs_of(run).items():
            pairs.setdefault(task, {})[run.seed] = pair
    params = runs[0].artifact("students").manifest["config"]["params"]
    seeds = sorted({seed for of_task in pairs.values() for seed in of_task})
    print(machine())
    print(f"\nMode {params['mode']}, at most {params['totalEnvSteps']:,} env steps a learner.\n")
    print(*steps_by_task(pairs, seeds), sep="\n")
    taught = {task: found for task, found in pairs.items() if task in runs[0].tasks}
    unseen = {task: found for task, found in pairs.items() if task not in runs[0].tasks}
    for title, some in (("Tasks of the collective", taught), ("Tasks that it never saw", unseen)):
        if some:
            print(f"\n{title}: {mean_ratio(some, seeds)}.")
    print("\nAny-step success, per cent, mean over all evaluations and the seeds:\n")
    print(*throughout(pairs), sep="\n")
    print("\nReported goals, any step / at end, mean over the seeds:\n", *reported(pairs), sep="\n")


def pairs_of(run: Run) -> dict[Task, Pair]:
    """Those that one seed has finished; none if it has finished no student."""
    found = {}
    for artifact in run.artifacts("students") if "students" in run.phases else ():
        for task in tasks_of(artifact):
            points = artifact.read_json(f"{task.name}/curves.json")
            files = (f"{task.name}/{prefix}evaluation.json" for prefix in ("", "control_"))
            student, control = (Outcomes.from_document(artifact.read_json(name)) for name in files)
            reached = (env_steps_to_learn(points, "student"), env_steps_to_learn(points, "control"))
            throughout = (mean_success(points, "student"), mean_success(points, "control"))
            found[task] = Pair(reached, points[-1]["envSteps"], throughout, (student, control))
    return found


def env_steps_to_learn(points: list[Mapping[str, Any]], learner: str) -> int | None:
    """Env steps of the first evaluation at which a learner had learned its task."""
    reached = (int(point["envSteps"]) for point in points if point[learner]["anyStep"] >= LEARNED)
    return next(reached, None)


def mean_success(points: list[Mapping[str, Any]], learner: str) -> float:
    """Mean any-step success over the evaluations: what was learned soon, and kept, counts most."""
    return fmean(point[learner]["anyStep"] for point in points)


def steps_by_task(pairs: Pairs, seeds: list[int]) -> list[str]:
    """A row a task, a column a seed."""
    heads = [f"seed {seed}" for seed in seeds]
    rows = [f"| student / control | {' | '.join(heads)} | mean ratio |", "|---" * (len(heads) + 2) + "|"]
    for task, found in pairs.items():
        cells = [str(found.get(seed, "–")) for seed in seeds]
        rows.append(
            f"| {task.env} | {' | '.join(cells)} | {fmean(pair.ratio for pair in found.values()):.2f} |"
        )
    return rows


def mean_ratio(pairs: Pairs, seeds: list[int]) -> str:
    """Over the tasks of each seed that has all of them, then over the seeds with an interval."""
    whole = [seed for seed in seeds if all(seed in found for found in pairs.values())]
    by_seed = [fmean(found[seed].ratio for found in pairs.values()) for seed in whole]
    if len(by_seed) < 2:
        return f"mean ratio {by_seed[0]:.2f} (one seed)" if by_seed else "no seed has all of them yet"
    mean, half = mean_and_half(by_seed)
    return f"mean ratio {mean:.2f} ({max(0.0, mean - half):.2f} to {mean + half:.2f}), {len(by_seed)} seeds"


def throughout(pairs: Pairs) -> list[str]:
    """A row a task: how much of the time students and controls could do it."""
    rows = ["| task | students | controls |", "|---|---|---|"]
    for task, found in pairs.items():
        of_learners = zip(*(pair.throughout for pair in found.values()), strict=True)
        rows.append(f"| {task.env} | {' | '.join(f'{100 * fmean(rates):.0f}' for rates in of_learners)} |")
    return rows


def reported(pairs: Pairs) -> list[str]:
    """A row a task: students and controls on the goals that chose nothing."""
    rows = ["| task | students | controls |", "|---|---|---|"]
    for task, found in pairs.items():
        cells = []
        for learner in (0, 1):
            success = [pair.reported[learner].success for pair in found.values()]
            any_step, at_end = (
                fmean(getattr(one, name) for one in success) for name in ("any_step", "at_end")
            )
            cells.append(f"{100 * any_step:.0f} / {100 * at_end:.0f}")
        rows.append(f"| {task.env} | {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    main()
