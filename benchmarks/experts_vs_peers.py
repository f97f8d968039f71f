"""Decisions per CPU second of phase `experts`, beside an earlier commit, stable-baselines3 and sbx.

    python benchmarks/experts_vs_peers.py --baseline CHECKOUT --peers PYTHON [--json]

CHECKOUT is an earlier commit with an environment of its own in .venv; PYTHON is that of an environment with
this project's trainer, stable-baselines3 and sbx-rl. Either may be left out. A decision is two env steps and
one gradient step, 2 x 256 units, batch 128, the same environment for all. Contenders take turns block by
block in one run, so that whatever else the machine does touches all; each has one thread. About five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

PROGRAM = Path(__file__).with_name("measured_learners.py")
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
BLOCKS, BLOCK_DECISIONS = 7, 100


@dataclass
class Contender:
    """A learner in a process of its own, and what its blocks took."""

    title: str
    name: str
    experts: int
    python: str
    process: subprocess.Popen[str] = field(init=False)
    rates: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Returns once it is warm."""
        command = [self.python, str(PROGRAM), self.name, str(self.experts)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, env=os.environ | ONE_THREAD, text=True
        )
        self._answer()

    def play(self) -> None:
        """One block; its decisions per CPU second, of all experts, are kept."""
        assert self.process.stdin
        self.process.stdin.write(f"{BLOCK_DECISIONS}\n")
        self.process.stdin.flush()
        self.rates.append(BLOCK_DECISIONS * self.experts / float(self._answer()))

    def _answer(self) -> str:
        assert self.process.stdout
        if not (line := self.process.stdout.readline()):
            sys.exit(f"{self.title} ended with {self.process.wait()}; what it printed is above")
        return line

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def contenders(baseline: Path | None, peers: str | None) -> dict[str, Contender]:
    """By a key for the ratios."""
    found = {
        "tenExperts": Contender("ours, ten experts", "ours", 10, sys.executable),
        "oneExpert": Contender("ours, one expert", "ours", 1, sys.executable),
    }
    if baseline:
        python = str(baseline / ".venv" / "bin" / "python")
        found["tenBefore"] = Contender("baseline, ten experts", "ours", 10, python)
        found["oneBefore"] = Contender("baseline, one expert", "ours", 1, python)
    if peers:
        found["sb3"] = Contender("stable-baselines3", "stable-baselines3", 1, peers)
        found["sbx"] = Contender("sbx", "sbx", 1, peers)
    return found


PAIRS = {
    "tenExpertsToBaseline": ("tenExperts", "tenBefore"),
    "oneExpertToBaseline": ("oneExpert", "oneBefore"),
    "oneExpertToStableBaselines3": ("oneExpert", "sb3"),
    "oneExpertToSbx": ("oneExpert", "sbx"),
    "tenExpertsToSbx": ("tenExperts", "sbx"),
}


def ratios(found: dict[str, Contender]) -> dict[str, dict[str, float]]:
    """Median, least and most of the blocks' ratios."""
    result = {}
    for name, (one, other) in PAIRS.items():
        if one in found and other in found:
            pairs = zip(found[one].rates, found[other].rates, strict=True)
            each = [ours / theirs for ours, theirs in pairs]
            result[name] = {"median": statistics.median(each), "least": min(each), "most": max(each)}
    return result


def machine() -> str:
    """What it was measured on."""
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("torch", "numpy", "numba", "metaworld", "mujoco")
    )
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    return f"{_processor()}, {os.cpu_count()} CPUs; Python {platform.python_version()}, {versions}; {load}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def show(found: dict[str, Contender], compared: dict[str, dict[str, float]]) -> None:
    console = Console()
    console.print(machine())
    table = Table("learner", "decisions per CPU second (least to most)")
    for contender in found.values():
        rates = contender.rates
        table.add_row(
            contender.title, f"{statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})"
        )
    console.print(table)
    table = Table("ratio", "median (least to most)")
    for name, ratio in compared.items():
        table.add_row(name, f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--baseline", type=Path, metavar="CHECKOUT")
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = contenders(arguments.baseline, arguments.peers)
    for contender in found.values():
        contender.start()
    for _ in range(BLOCKS):
        for contender in found.values():
            contender.play()
    for contender in found.values():
        contender.stop()
    compared = ratios(found)
    if arguments.json:
        rates = {name: contender.rates for name, contender in found.items()}
        print(
            json.dumps({"machine": machine(), "decisionsPerCpuSecond": rates, "ratios": compared}, indent=2)
        )
    else:
        show(found, compared)


if __name__ == "__main__":
    main()
