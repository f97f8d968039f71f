"""Programs that take turns, block by block in one run, so that whatever else the machine does touches all.

A program says that it is ready by one line, then answers each line with a number of steps by the CPU seconds
that they took. Each has one thread.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


@dataclass
class Contender:
    """A program in a process of its own, and the rates of its blocks."""

    title: str
    python: str
    program: Path
    arguments: tuple[str, ...]
    block: int
    """Steps of a block."""
    worth: int = 1
    """What a step counts."""
    process: subprocess.Popen[str] = field(init=False)
    rates: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Returns once it is warm."""
        command = [self.python, str(self.program), *self.arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, env=os.environ | ONE_THREAD, text=True
        )
        self._answer()

    def play(self) -> None:
        """One block; its rate per CPU second is kept."""
        assert self.process.stdin
        self.process.stdin.write(f"{self.block}\n")
        self.process.stdin.flush()
        self.rates.append(self.block * self.worth / float(self._answer()))

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


def take_turns(found: Mapping[str, Contender], blocks: int) -> None:
    """All of them, so many blocks each."""
    for contender in found.values():
        contender.start()
    for _ in range(blocks):
        for contender in found.values():
            contender.play()
    for contender in found.values():
        contender.stop()


def ratios(
    found: Mapping[str, Contender], pairs: Mapping[str, tuple[str, str]]
) -> dict[str, dict[str, float]]:
    """Median, least and most of the blocks' ratios."""
    result = {}
    for name, (one, other) in pairs.items():
        if one in found and other in found:
            blocks = zip(found[one].rates, found[other].rates, strict=True)
            each = [ours / theirs for ours, theirs in blocks]
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


def show(found: Mapping[str, Contender], compared: Mapping[str, Mapping[str, float]], unit: str) -> None:
    """Tables of rates and ratios."""
    console = Console()
    console.print(machine())
    table = Table("program", f"{unit} per CPU second (least to most)")
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
