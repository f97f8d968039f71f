"""The demo over several seeds: does it reach what the README promises, and what does it cost?

    python benchmarks/quickstart_seeds.py --seeds 1 2 3 4 5 > docs/results/quickstart-table.md

Runs `examples/01-quickstart.yaml` once per seed, one after the other, each in storage and cache of its own,
and prints one Markdown table: success with Wilson 95 % intervals, wall and CPU seconds of every phase.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from collectiverun_trainer.rollouts.outcomes import wilson_interval

EXAMPLE = Path(__file__).parents[1] / "examples" / "01-quickstart.yaml"
NETWORKS = ("experts", "collective", "students")
PACKAGES = ("torch", "metaworld", "mujoco", "numpy")


def main() -> None:
    """Run every seed and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument(
        "--folder", type=Path, default=None, help="where runs lie; a temporary folder otherwise"
    )
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="quickstart-"))
    outcomes = {seed: run_seed(seed, folder / f"seed-{seed}") for seed in arguments.seeds}
    print(heading(), table(outcomes), costs(outcomes), sep="\n\n")


def run_seed(seed: int, folder: Path) -> dict[str, Any]:
    """The JSON document of one run of the example with this seed."""
    body = yaml.safe_load(EXAMPLE.read_text())
    body["spec"]["seed"] = seed
    body["spec"]["storage"] = {"uri": f"file://{folder.absolute()}/storage"}
    command = [str(Path(sys.executable).parent / "collectiverun"), "run", "-f", "-", "--json"]
    environment = {**os.environ, "COLLECTIVERUN_CACHE": str(folder / "cache")}
    done = subprocess.run(
        command, input=yaml.safe_dump(body), env=environment, stdout=subprocess.PIPE, text=True
    )
    print(f"seed {seed}: exit code {done.returncode}", file=sys.stderr)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def heading() -> str:
    """Machine and versions."""
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return f"{cores} cores ({platform.machine()}), Python {platform.python_version()}, {versions}"


def table(outcomes: dict[int, dict[str, Any]]) -> str:
    """Success of every network per seed, any-step / at-end."""
    rows = [f"| seed | state | {' | '.join(NETWORKS)} |", "|---|---|" + "---|" * len(NETWORKS)]
    rows += [
        f"| {seed} | {o['state']} | {' | '.join(_cell(o['success'].get(n)) for n in NETWORKS)} |"
        for seed, o in outcomes.items()
    ]
    pooled = [
        _pooled([o["success"].get(network) for o in outcomes.values()], network) for network in NETWORKS
    ]
    return "\n".join([*rows, f"| all | any-step, 95 % | {' | '.join(pooled)} |"])


def _cell(success: dict[str, float] | None) -> str:
    return "–" if success is None else f"{success['anyStep']:.1%} / {success['atEnd']:.1%}"


def _pooled(successes: list[dict[str, float] | None], network: str) -> str:
    rates = [success["anyStep"] for success in successes if success is not None]
    if not rates:
        return "–"
    spec = yaml.safe_load(EXAMPLE.read_text())["spec"]
    students = spec["phases"]["students"]["params"]["tasks"]
    goals = spec["environment"].get("goals", 50)
    episodes = goals * len(students if network == "students" else spec["tasks"])
    low, high = wilson_interval(round(sum(rates) * episodes), episodes * len(rates))
    return f"{sum(rates) / len(rates):.1%} ({low:.1%}–{high:.1%})"


def costs(outcomes: dict[int, dict[str, Any]]) -> str:
    """Wall and CPU seconds of each phase, per seed."""
    names = [phase["name"] for phase in next(iter(outcomes.values()))["phases"]]
    rows = [f"| seed, wall / CPU s | {' | '.join(names)} | sum |", "|---|" + "---|" * (len(names) + 1)]
    for seed, outcome in outcomes.items():
        pairs = [
            (phase.get("wallSeconds") or 0.0, phase.get("cpuSeconds") or 0.0) for phase in outcome["phases"]
        ]
        pairs.append((sum(wall for wall, _ in pairs), sum(cpu for _, cpu in pairs)))
        rows.append(f"| {seed} | " + " | ".join(f"{wall:.0f} / {cpu:.0f}" for wall, cpu in pairs) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
