"""How fast environments step: stock Meta-World against this project's, and how many to evaluate side by side.

    OMP_NUM_THREADS=1 python benchmarks/environment_stepping.py

Both kinds of environment take the same actions in turn, block by block in one run, so that whatever else the
machine does touches both. Rates are per second of this process's CPU time; one to two minutes. The first
reset to a goal simulates a settling hand and costs the fast kind half of what it costs the stock one.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from rich.console import Console
from rich.table import Table

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.policy import CollectivePolicy
from collectiverun_trainer.config import EnvironmentSettings, Task, TrajectoryTransformerParams
from collectiverun_trainer.environments.factory import begin_episode, make_environment, scripted_action
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.rollouts.evaluation import evaluate
from collectiverun_trainer.rollouts.policy import ActorPolicy, Policy
from collectiverun_trainer.sac.networks import StackedMLP
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import Normaliser

TASKS = (
    "reach",
    "drawer-close",
    "door-close",
    "window-close",
    "button-press",
    "push",
    "pick-place",
    "peg-insert-side",
)
BLOCKS, BLOCK_STEPS = 7, 100
EVALUATED = tuple(Task(env=f"{name}-v3") for name in ("reach", "drawer-close", "door-close"))
COPIES = (1, 2, 5, 10, 25, 50)


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def stock_environment(name: str, goal: np.ndarray) -> Any:
    env = ALL_V3_ENVIRONMENTS[name]()
    env._set_task_called, env._last_rand_vec, env._partially_observable = True, goal.copy(), False
    del env.sawyer_observation_space
    return env


def actions_of_an_episode(task: Task, goal: np.ndarray) -> np.ndarray:
    """Scripted actions and random ones in turn: hands that touch things cost more than hands in the air."""
    env, generator = make_environment(task), np.random.default_rng(0)
    obs, actions = begin_episode(env, goal), []
    for step in range(BLOCK_STEPS):
        scripted = step // 50 % 2 == 0
        actions.append(
            scripted_action(task, obs) if scripted else generator.uniform(-1, 1, 4).astype(np.float32)
        )
        obs = env.step(actions[-1])[0]
    return np.stack(actions)


def stepping(name: str) -> tuple[str, ...]:
    """One row of the first table."""
    task, goal = Task(env=name), goal_vectors(Task(env=name), 0, 1)[0]
    actions = actions_of_an_episode(task, goal)
    stock, fast = stock_environment(name, goal), make_environment(task)
    steps: dict[str, list[float]] = {"stock": [], "fast": []}
    resets: dict[str, list[float]] = {"stock": [], "fast": []}
    for _ in range(BLOCKS):
        resets["stock"].append(cpu_seconds(stock.reset))
        steps["stock"].append(cpu_seconds(lambda: [stock.step(action) for action in actions]))
        resets["fast"].append(cpu_seconds(lambda: begin_episode(fast, goal)))
        steps["fast"].append(cpu_seconds(lambda: [fast.step(action) for action in actions]))
    slow, quick = (BLOCK_STEPS / float(np.median(steps[kind])) for kind in ("stock", "fast"))
    slow_reset, quick_reset = (1000 * float(np.median(resets[kind])) for kind in ("stock", "fast"))
    return (
        name,
        f"{slow:.0f}",
        f"{quick:.0f}",
        f"{quick / slow:.2f}",
        f"{slow_reset:.1f}",
        f"{quick_reset:.2f}",
    )


def untrained_policies() -> dict[str, Policy]:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    params = TrajectoryTransformerParams()
    actor = StackedMLP(1, 39, (256, 256), 8, generators=[generator])
    network = CollectiveNetwork(params.embedding_size, (256, 256), generator)
    return {
        "expert 2x256": ActorPolicy(actor, torch.device("cpu")),
        "collective with its encoder": CollectivePolicy(TrajectoryEncoder(params, Normaliser()), network),
    }


def side_by_side(policy: Policy) -> list[str]:
    """Microseconds an env step of an evaluation costs, policy included, by copies of each task."""
    settings = EnvironmentSettings(horizon_env_steps=40, action_repeat=2, goals=50)
    env_steps = len(EVALUATED) * settings.goals * settings.horizon_env_steps
    evaluate(policy, EVALUATED, settings, goal_seed=0, episodes=50)  # settle the hands of all goals once
    seconds = [
        cpu_seconds(lambda copies=copies: evaluate(policy, EVALUATED, settings, 0, 50, copies))
        for copies in COPIES
    ]
    return [f"{1e6 * second / env_steps:.0f}" for second in seconds]


def main() -> None:
    torch.set_num_threads(1)
    console = Console(width=110)
    packages = ("metaworld", "mujoco", "numpy", "scipy", "torch")
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
    console.print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {versions}"
    )
    table = Table("task", "stock steps/s", "fast steps/s", "ratio", "stock reset ms", "fast reset ms")
    for name in TASKS:
        table.add_row(*stepping(f"{name}-v3"))
    console.print(table)
    table = Table("CPU µs an env step, by copies", *map(str, COPIES))
    for name, policy in untrained_policies().items():
        table.add_row(name, *side_by_side(policy))
    console.print(table)


if __name__ == "__main__":
    main()
