"""Gradient steps of soft actor-critic: experts stacked in one network, or one after the other.

    OMP_NUM_THREADS=1 python benchmarks/sac_updates.py

A gradient step is drawing a batch and updating critics, actor, temperature and target critics of one expert.
Both ways run the same code and take turns, block by block in one run, so that whatever else the machine does
touches both. Rates are per second of this process's CPU time; about four minutes. The last table is the
whole loop of phase `experts`.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from rich.console import Console
from rich.table import Table

from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, SACParams, Task
from collectiverun_trainer.experts.training import expert_learning
from collectiverun_trainer.learning.seeded_task import seeded
from collectiverun_trainer.replay.buffer import ReplayBuffer
from collectiverun_trainer.replay.returns import Returns
from collectiverun_trainer.sac.agent import StackedSAC

EXPERTS = (1, 2, 3, 5, 10)
PROFILES = (((256, 256), 128), ((256, 256), 256), ((400, 400, 400), 128))
BLOCKS, BLOCK_STEPS, REPLAY_ROWS = 7, 30, 2000
TASKS = tuple(Task(env=f"{name}-v3") for name in ("reach", "drawer-close", "door-close"))


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


class Learner:
    """A stack of experts with a filled replay."""

    def __init__(self, seeds: Sequence[int], params: SACParams) -> None:
        self.agent = StackedSAC(params, [torch.Generator().manual_seed(seed) for seed in seeds])
        streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.replay = ReplayBuffer(REPLAY_ROWS, streams, Returns(REPLAY_ROWS, 1, 0.99))
        for _ in range(REPLAY_ROWS):
            obs, next_obs, action, reward = torch.split(torch.rand(len(seeds), 83), [39, 39, 4, 1], -1)
            self.replay.add(obs, action, reward.squeeze(-1), next_obs)

    def learn(self, steps: int) -> None:
        for _ in range(steps):
            self.agent.update(self.replay.sample(self.agent.params.batch_size))


def learn_in_turn(learners: Sequence[Learner], steps: int) -> None:
    for learner in learners:
        learner.learn(steps)


def measure(experts: int, params: SACParams) -> tuple[list[float], list[float]]:
    """Gradient steps of an expert per CPU second in each block: stacked, and in a loop over experts."""
    together, alone = Learner(range(experts), params), [Learner([e], params) for e in range(experts)]
    steps = max(2, BLOCK_STEPS // experts)
    stacked, looped = [], []
    for block in range(BLOCKS + 1):
        one = cpu_seconds(lambda: together.learn(steps))
        other = cpu_seconds(lambda: learn_in_turn(alone, steps))
        if block:  # the first is for warming up
            stacked.append(steps * experts / one)
            looped.append(steps * experts / other)
    return stacked, looped


def updates_table() -> Table:
    table = Table("hidden", "batch", "experts", "loop", "stacked", "ratio (its range)")
    for hidden, batch_size in PROFILES:
        params = SACParams(hidden_sizes=hidden, batch_size=batch_size)
        for experts in EXPERTS:
            stacked, looped = measure(experts, params)
            ratios = [s / one for s, one in zip(stacked, looped, strict=True)]
            rates = (f"{statistics.median(looped):.0f}", f"{statistics.median(stacked):.0f}")
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            table.add_row(f"{len(hidden)} x {hidden[0]}", str(batch_size), str(experts), *rates, spread)
    return table


def phase_table() -> Table:
    """Milliseconds an expert's decision costs with everything: two env steps, acting, one gradient step."""
    settings, params = EnvironmentSettings(horizon_env_steps=200), ExpertsParams(random_env_steps=0)
    sizes, device = range(1, len(TASKS) + 1), torch.device("cpu")
    trainings = {n: expert_learning(seeded(TASKS[:n], [1]), settings, params, device) for n in sizes}
    spent: dict[int, list[float]] = {n: [] for n in trainings}
    for block in range(4):
        for n, training in trainings.items():
            seconds = cpu_seconds(training.run_episode)
            if block:  # no gradient steps in the first episode
                spent[n].append(1000 * seconds / settings.horizon / n)
    table = Table("experts", "CPU ms an expert-decision (least to most)")
    for n, milliseconds in spent.items():
        least, most = min(milliseconds), max(milliseconds)
        table.add_row(str(n), f"{statistics.median(milliseconds):.1f} ({least:.1f} to {most:.1f})")
    return table


def main() -> None:
    console = Console()
    names = ("torch", "numpy", "metaworld", "mujoco")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    console.print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} thread(s) of torch"
    )
    console.print(
        f"Python {platform.python_version()}, {versions}; load {os.getloadavg()[0]:.1f} at the start"
    )
    console.print("\nGradient steps of an expert per CPU second, medians of blocks")
    console.print(updates_table())
    console.print("\nPhase experts, 2 x 256, batch 128, action repeat 2")
    console.print(phase_table())


if __name__ == "__main__":
    main()
