"""How far a gradient step of SAC is from its floor: matrix products at the rate that this processor reaches.

    OMP_NUM_THREADS=1 python benchmarks/trainer_floor.py [--json]

The floor is the step's floating point operations over the rate of one product of the hidden layers' size.
Step by hand, step by autograd and product take turns in one run; CPU time of one thread; about two minutes.
The last column is the rate of the same product in bfloat16, by torch, in parts of the float32 one: below 1
there is nothing to gain by it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE
from collectiverun_trainer.process.device import configure_arithmetic
from collectiverun_trainer.sac.autograd_step import AutogradStep
from collectiverun_trainer.sac.batch import BOTH, Batch
from collectiverun_trainer.sac.numpy_step import NumpyStep
from collectiverun_trainer.sac.stack import Stack

EXPERTS = (1, 3, 10)
BLOCKS, WARM_BLOCKS, EXPERT_STEPS, PRODUCTS = 24, 4, 20, 100


def multiply_adds(sizes: list[int]) -> int:
    """Of one row's way through a perceptron."""
    return sum(inputs * outputs for inputs, outputs in pairwise(sizes))


def step_operations(params: SACParams) -> int:
    """Floating point operations of one expert's step, in matrix products.

    Each pass over a network counts once forward, once for the gradient of its input and once for that of its
    weights. The actor's loss needs no gradient of the critics' weights, and of both critics it needs the way
    back through one. No pass needs the gradient of its observations.
    """
    hidden = list(params.hidden_sizes)
    actor = multiply_adds([OBS_SIZE, *hidden, 2 * ACTION_SIZE])
    critic = multiply_adds([OBS_SIZE + ACTION_SIZE, *hidden, 1])
    first_of_actor, first_of_critic = OBS_SIZE * hidden[0], (OBS_SIZE + ACTION_SIZE) * hidden[0]
    target = actor + 2 * critic
    critics = 2 * (3 * critic - first_of_critic)
    actors = 3 * actor - first_of_actor + 3 * critic - OBS_SIZE * hidden[0]
    return 2 * params.batch_size * (target + critics + actors)


def cpu_seconds(work: Callable[[], object], times: int) -> float:
    """Of one call."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def steps(experts: int, params: SACParams) -> list[Callable[[], object]]:
    """The step by hand and the step by autograd, of that many experts."""
    rows = params.batch_size
    obs, next_obs = torch.randn(2, experts, rows, OBS_SIZE)
    action = torch.rand(experts, rows, ACTION_SIZE) * 2 - 1
    batch = Batch(obs, action, torch.rand(experts, rows), next_obs, torch.full((experts, rows), 0.99))
    noise = torch.randn(experts, 2, rows, ACTION_SIZE)

    def one(kind: type[NumpyStep] | type[AutogradStep]) -> Callable[[], object]:
        generators = [torch.Generator().manual_seed(seed) for seed in range(experts)]
        step = kind(Stack(experts, OBS_SIZE, params, torch.device("cpu"), generators), params)
        return lambda: step(batch, noise, BOTH)

    return [one(NumpyStep), one(AutogradStep)]


def measure(experts: int, params: SACParams) -> dict[str, float]:
    """Medians over blocks: milliseconds of an expert's step, GFLOP/s, and the shares of the floor."""
    by_hand, by_autograd = steps(experts, params)
    rows, width = params.batch_size, params.hidden_sizes[0]
    x, weight = (np.random.default_rng(0).random(s, np.float32) for s in ((rows, width), (width, width)))
    halves = [torch.from_numpy(array).bfloat16() for array in (x, weight)]
    output, times = np.empty_like(x), max(1, EXPERT_STEPS // experts)
    blocks = []
    for _ in range(BLOCKS):
        hand = cpu_seconds(by_hand, times) / experts
        autograd = cpu_seconds(by_autograd, times) / experts
        product = cpu_seconds(lambda: np.matmul(x, weight, out=output), PRODUCTS)
        half = cpu_seconds(lambda: torch.mm(*halves), PRODUCTS)
        blocks.append((hand, autograd, 2 * rows * width * width / product, product / half))
    operations = step_operations(params)
    shares = [
        (1e3 * h, 1e3 * a, a / h, roof / 1e9, operations / h / roof, operations / a / roof, of_halves)
        for h, a, roof, of_halves in blocks[WARM_BLOCKS:]
    ]
    names = ("handMs", "autogradMs", "ratio", "roofGflops", "handOfRoof", "autogradOfRoof", "bfloat16Ratio")
    return dict(zip(names, map(statistics.median, zip(*shares, strict=True)), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    configure_arithmetic(1)
    params = SACParams()
    figures = {experts: measure(experts, params) for experts in EXPERTS}
    if as_json:
        print(json.dumps({str(experts): figure for experts, figure in figures.items()}, indent=2))
        return
    console = Console()
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    console.print(f"{platform.machine()}, torch {torch.__version__}, numpy {np.__version__}; {load}")
    console.print(f"{step_operations(params) / 1e9:.3f} GFLOP an expert's step, in matrix products")
    columns = (
        "by hand, ms",
        "by autograd, ms",
        "ratio",
        "product, GFLOP/s",
        "of it: hand",
        "autograd",
        "bfloat16",
    )
    table = Table("experts", *columns)
    for experts, figure in figures.items():
        table.add_row(str(experts), *(f"{value:.2f}" for value in figure.values()))
    console.print(table)


if __name__ == "__main__":
    main()
