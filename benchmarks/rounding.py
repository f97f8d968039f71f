"""How much an example's experts hang on rounding: every seed again, in the arithmetic of other processors.

    python benchmarks/rounding.py examples/01-quickstart.yaml --seeds 1 2 3 4 5

Trains the experts of all seeds, as one batch of `spec.seeds`, once in each arithmetic, and stops there:

* as it is: whatever torch chooses on this processor, one thread;
* two threads, which add up in another order;
* AVX2: what OpenBLAS (numpy's) and torch's libraries do on a processor that has no AVX-512;
* AVX: the same without AVX2, so without fused multiplication and addition: each product is rounded once more.

Prints Markdown: success on the reported goals (any step / at end), per cent, of each seed, the mean over the
tasks; then mean and 95 % interval (Student's t over the seeds), and the weakest seed of all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import yaml
from contenders import machine
from example_seeds import interval
from measured_runs import experts_trained

from collectiverun_trainer.learned import open_run
from collectiverun_trainer.order import Success
from collectiverun_trainer.rollouts.outcomes import Outcomes


def _instructions(openblas: str, torch: str, others: str) -> dict[str, str]:
    """Environment variables by which each library takes this processor for an older one."""
    return {
        "OPENBLAS_CORETYPE": openblas,
        "ATEN_CPU_CAPABILITY": torch,
        "ONEDNN_MAX_CPU_ISA": others,
        "MKL_ENABLE_INSTRUCTIONS": others,
    }


ARITHMETICS: Final[dict[str, tuple[int, dict[str, str]]]] = {
    "as it is": (1, {}),
    "two threads": (2, {}),
    "AVX2": (1, _instructions("Haswell", "avx2", "AVX2")),
    "AVX": (1, _instructions("Sandybridge", "default", "AVX")),
}
"""Threads of a process, and what its environment says beside."""


def main() -> None:
    """Train in each arithmetic and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("example", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--arithmetics", nargs="+", choices=list(ARITHMETICS), default=list(ARITHMETICS))
    parser.add_argument("--folder", type=Path, help="where runs lie; a temporary folder otherwise")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="rounding-"))
    body = yaml.safe_load(arguments.example.read_text())
    measured = {}
    for name in arguments.arithmetics:
        root = train_experts(body, arguments.seeds, name, folder / name.replace(" ", "-"))
        measured[name] = {seed: success_of(root, seed) for seed in arguments.seeds}
        print(name, measured[name], file=sys.stderr)
    print(machine(), table(measured), sep="\n\n")


def train_experts(body: dict[str, Any], seeds: list[int], arithmetic: str, folder: Path) -> str:
    """The run's root, its experts of all seeds published."""
    threads, variables = ARITHMETICS[arithmetic]
    spec = body["spec"] | {"seeds": seeds}
    spec.pop("seed", None)
    spec["phases"]["experts"]["resources"] = {"requests": {"cpu": threads}}
    return experts_trained(body | {"spec": spec}, folder, variables)


def success_of(root: str, seed: int) -> Success:
    """Mean over the tasks of what the experts of a seed reach on the reported goals."""
    run = open_run(root, seed=seed)
    found = [
        Outcomes.from_document(
            run.artifact("experts", task).read_json(f"{task.name}/evaluation.json")
        ).success
        for task in run.tasks
    ]
    return Success(any_step=fmean(one.any_step for one in found), at_end=fmean(one.at_end for one in found))


def table(measured: dict[str, dict[int, Success]]) -> str:
    """A row a seed, a column an arithmetic."""
    seeds = next(iter(measured.values()))
    rows = [f"| seed | {' | '.join(measured)} |", "|---|" + "---|" * len(measured)]
    for seed in seeds:
        rows.append(f"| {seed} | {' | '.join(_cell(found[seed]) for found in measured.values())} |")
    for name, title in (("any_step", "any step"), ("at_end", "at end")):
        of_seeds = [[getattr(one, name) for one in found.values()] for found in measured.values()]
        rows.append(f"| all, {title} | {' | '.join(interval(each) for each in of_seeds)} |")
    every = [one for found in measured.values() for one in found.values()]
    weakest = min(every, key=lambda one: (one.any_step, one.at_end))
    return "\n".join([*rows, "", f"Weakest of all {len(every)}: {_cell(weakest)}."])


def _cell(success: Success) -> str:
    return f"{100 * success.any_step:.1f} / {100 * success.at_end:.1f}"


if __name__ == "__main__":
    main()
