"""An example over several seeds: does it reach what the documents say, and what does it cost?

    python benchmarks/example_seeds.py examples/01-quickstart.yaml --seeds 1 2 3 4 5

Runs the example once per seed, one after the other, each in storage and cache of its own below --folder (a
finished one is only read again); with --together as one run of all seeds, whose experts learn as one batch:
the same success for less.

Prints Markdown: success on the reported goals by task and network (any step / at end, mean over the seeds),
each seed's means, their mean with a 95 % interval (Student's t over the seeds), the share of the experts'
success that the collective keeps, wall and CPU seconds of every phase.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import yaml
from contenders import machine
from measured_runs import completed
from scipy.stats import t as student_t

NETWORKS = {
    "experts": "experts",
    "collective": "collective",
    "zero": "collective, z zeroed",
    "shuffled": "collective, z of another task",
    "students": "students",
    "controls": "their controls",
}


def main() -> None:
    """Run every seed and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("example", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--folder", type=Path, help="where runs lie; a temporary folder otherwise")
    parser.add_argument("--together", action="store_true", help="one run of all seeds")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="seeds-"))
    example, seeds = arguments.example, arguments.seeds
    if arguments.together:
        runs = {"all": run_example(example, {"seeds": seeds}, folder)}
        summaries = {seed: summary_of(folder, f"seed-{seed}") for seed in seeds}
    else:
        runs = {str(seed): run_example(example, {"seed": seed}, folder / f"seed-{seed}") for seed in seeds}
        summaries = {seed: summary_of(folder / f"seed-{seed}", "all") for seed in seeds}
    parts = (machine(), by_task(summaries), by_seed(summaries), retention(summaries), costs(runs))
    print(*parts, sep="\n\n")


def run_example(example: Path, seeds: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The JSON document of one run of the example with this `seed`, or these `seeds`."""
    body = yaml.safe_load(example.read_text())
    body["spec"].pop("seed", None)
    body["spec"] |= seeds
    return completed(body, folder)


def summary_of(folder: Path, member: str) -> dict[str, Any]:
    """What a member of the evaluation published of the run below a folder."""
    found = max(
        folder.glob(f"storage/**/evaluation/{member}/**/summary.json"), key=lambda path: path.stat().st_mtime
    )
    document: dict[str, Any] = json.loads(found.read_text())
    return document


def by_task(summaries: dict[int, dict[str, Any]]) -> str:
    """Success of every network on each task, mean over the seeds."""
    networks = _networks(summaries)
    rows = [
        f"| task | {' | '.join(NETWORKS[name] for name in networks)} |",
        "|---|" + "---|" * len(networks),
    ]
    for place, entry in enumerate(next(iter(summaries.values()))["tasks"]):
        of_seeds = [summary["tasks"][place]["scores"] for summary in summaries.values()]
        cells = [_mean_rates([scores[name] for scores in of_seeds if name in scores]) for name in networks]
        rows.append(f"| {entry['task']['env']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _networks(summaries: dict[int, dict[str, Any]]) -> list[str]:
    success = next(iter(summaries.values()))["success"]
    return [name for name in NETWORKS if name in success]


def _mean_rates(scores: Sequence[dict[str, Any]]) -> str:
    if not scores:
        return "–"
    rates = [
        fmean(score[kind]["successes"] / score[kind]["episodes"] for score in scores)
        for kind in ("anyStep", "atEnd")
    ]
    return " / ".join(f"{100 * rate:.0f}" for rate in rates)


def by_seed(summaries: dict[int, dict[str, Any]]) -> str:
    """Mean success over the tasks, for every seed and over all."""
    networks = _networks(summaries)
    rows = [
        f"| seed | {' | '.join(NETWORKS[name] for name in networks)} |",
        "|---|" + "---|" * len(networks),
    ]
    for seed, summary in summaries.items():
        rates = [summary["success"][name] for name in networks]
        cells = [f"{100 * rate['anyStep']:.1f} / {100 * rate['atEnd']:.1f}" for rate in rates]
        rows.append(f"| {seed} | {' | '.join(cells)} |")
    for kind, title in (("anyStep", "any step"), ("atEnd", "at end")):
        of_networks = [[s["success"][name][kind] for s in summaries.values()] for name in networks]
        rows.append(f"| all, {title} | {' | '.join(interval(values) for values in of_networks)} |")
    return "\n".join(rows)


def interval(values: Sequence[float]) -> str:
    """Mean and 95 % interval of at least one rate, in per cent."""
    mean = fmean(values)
    if len(values) == 1:
        return f"{100 * mean:.1f}"
    _, half = mean_and_half(values)
    return f"{100 * mean:.1f} ({100 * max(0.0, mean - half):.1f} to {100 * min(1.0, mean + half):.1f})"


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """Mean of at least two values and half the width of its 95 % interval (Student's t)."""
    half = float(student_t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return fmean(values), half


def retention(summaries: dict[int, dict[str, Any]]) -> str:
    """Share of the experts' success that the collective keeps, for every seed."""
    rows = ["| seed | kept, any step | kept, at end |", "|---|---|---|"]
    for seed, summary in summaries.items():
        kept = [summary["retention"][kind] for kind in ("anyStep", "atEnd")]
        cells = ["–" if share is None else f"{100 * share:.1f} %" for share in kept]
        rows.append(f"| {seed} | {' | '.join(cells)} |")
    return "\n".join(rows)


def costs(runs: dict[str, dict[str, Any]]) -> str:
    """Wall and CPU seconds of each phase, per run."""
    names = [phase["name"] for phase in next(iter(runs.values()))["phases"]]
    rows = [f"| seed, wall / CPU s | {' | '.join(names)} | sum |", "|---|" + "---|" * (len(names) + 1)]
    for name, run in runs.items():
        pairs = [(phase.get("wallSeconds") or 0.0, phase.get("cpuSeconds") or 0.0) for phase in run["phases"]]
        pairs.append((sum(wall for wall, _ in pairs), sum(cpu for _, cpu in pairs)))
        rows.append(f"| {name} | " + " | ".join(f"{wall:.0f} / {cpu:.0f}" for wall, cpu in pairs) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
