"""What a task that is added to a collective costs it: the others' success before and after.

    python benchmarks/added_task.py RUN [--folder FOLDER]

RUN, by name or root, is a finished run of several seeds with tasks held out. A second run has them as tasks
like the others: it takes the first one's experts (`from`), trains those that are missing, and distils a new
collective. It lies below --folder, else in a temporary one; a finished one is only read again.

Prints Markdown: success on the reported goals (any step / at end, per cent, mean over the seeds) of experts
and of both collectives by task; what the tasks of before have lost, in points, with a 95 % interval
(Student's t over the seeds); env steps of the second run. How fast the task itself is learned with the
collective's help is `benchmarks/students_worth.py`'s to say.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from contenders import machine
from example_seeds import mean_and_half
from measured_runs import completed
from robots_transfer import of_seeds

from collectiverun_trainer.config import Task
from collectiverun_trainer.learned import Run, open_run

Kind = Literal["any_step", "at_end"]
KINDS: tuple[Kind, Kind] = ("any_step", "at_end")
TRAINED = ("experts", "trajectoryTransformer", "onlineDistillation")


def main() -> None:
    """Add the tasks and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="name or root")
    parser.add_argument("--folder", type=Path, help="where the second run lies; a temporary folder otherwise")
    arguments = parser.parse_args()
    first = open_run(arguments.run)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="added-"))
    before = list(of_seeds(first))
    after = list(of_seeds(open_run(add_tasks(before, first.root, folder))))
    print(machine())
    print(f"\n{len(before)} seeds: {', '.join(str(run.seed) for run in before)}.\n")
    print(*by_task(before, after), sep="\n")
    print("\nLost by the tasks of before, in points:", ", ".join(lost(before, after, kind) for kind in KINDS))
    steps = [
        artifact.manifest["envSteps"]
        for run in after
        for phase in TRAINED
        for artifact in run.artifacts(phase)
    ]
    print(f"\nEnv steps of the second run, all seeds: {sum(steps):,}.")


def add_tasks(before: Sequence[Run], root: str, folder: Path) -> str:
    """The root of the second run, once it is complete."""
    spec = before[0].summary()["spec"]
    spec.pop("seed", None)
    spec["seeds"] = [run.seed for run in before]
    spec["tasks"] = [{**task, "holdout": False} for task in spec["tasks"]]
    spec["phases"].pop("students", None)
    spec["phases"]["experts"]["from"] = root
    body = {
        "apiVersion": "collectiverl.io/v1alpha1",
        "kind": "CollectiveRun",
        "metadata": {"name": "added-task"},
        "spec": spec,
    }
    address: str = completed(body, folder)["root"]
    return address


def by_task(before: Sequence[Run], after: Sequence[Run]) -> list[str]:
    """Rows of the table, the added tasks last."""
    rows = ["| task | experts | collective before | after |", "|---|---|---|---|"]
    for task in after[0].tasks:
        cells = [rates(after, "experts", task), rates(before, "collective", task)]
        note = "" if task in before[0].tasks else " (added)"
        rows.append(f"| {task.env}{note} | {' | '.join(cells)} | {rates(after, 'collective', task)} |")
    return rows


def rates(runs: Sequence[Run], network: str, task: Task) -> str:
    """Mean over the seeds of any step / at end."""
    found = [run.outcomes()[network][task].success for run in runs]
    return " / ".join(f"{100 * fmean(getattr(success, kind) for success in found):.0f}" for kind in KINDS)


def lost(before: Sequence[Run], after: Sequence[Run], kind: Kind) -> str:
    """Points that the collective has lost on the tasks of before, mean and interval over the seeds."""
    of_seed = []
    for one, other in zip(before, after, strict=True):
        was, now = (run.outcomes()["collective"] for run in (one, other))
        changes = [getattr(was[task].success, kind) - getattr(now[task].success, kind) for task in one.tasks]
        of_seed.append(100 * fmean(changes))
    mean, half = mean_and_half(of_seed)
    return f"{mean:.1f} ({mean - half:.1f} to {mean + half:.1f}) {kind.replace('_', ' ')}"


if __name__ == "__main__":
    main()
