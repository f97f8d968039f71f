"""One learner that plays and learns as told: the process that `experts_vs_peers.py` runs for each contender.

    python benchmarks/measured_learners.py NAME EXPERTS

NAME is ours, stable-baselines3 or sbx. A line with a number of decisions on standard input is answered with
the CPU seconds that they took. The environment is ours for all of them, so that learners are compared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch

from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, Task
from collectiverun_trainer.environments.vector import VectorEnvironment

NAMES = [
    "reach",
    "push",
    "pick-place",
    "door-open",
    "drawer-open",
    "drawer-close",
    "button-press-topdown",
    "peg-insert-side",
    "window-open",
    "window-close",
]
SETTINGS = EnvironmentSettings(horizon_env_steps=200)
HIDDEN, BATCH, LEARNING_RATE = (256, 256), 128, 1e-3
Learn = Callable[[int], object]


def ours(experts: int) -> Learn:
    """Phase `experts` with that many tasks, as this checkout has it."""
    tasks = tuple(Task(env=f"{name}-v3") for name in NAMES[:experts])
    params = ExpertsParams(
        hidden_sizes=HIDDEN, batch_size=BATCH, learning_rate=LEARNING_RATE, random_env_steps=0
    )
    training = _training(tasks, params)

    def learn(decisions: int) -> None:
        for _ in range(decisions // SETTINGS.horizon):
            training.run_episode()

    return learn


def _training(tasks: tuple[Task, ...], params: ExpertsParams) -> Any:
    try:
        from collectiverun_trainer.experts.training import expert_learning
    except ModuleNotFoundError:  # commits before the redesign
        from collectiverun_trainer.phases.expert_training import ExpertTraining  # type: ignore[import-not-found]

        return ExpertTraining(tasks, SETTINGS, params, seed=1)
    try:
        from collectiverun_trainer.learning.seeded_task import seeded
    except ModuleNotFoundError:  # commits before several seeds
        return expert_learning(tasks, SETTINGS, params, 1, torch.device("cpu"))  # type: ignore[arg-type, call-arg]
    return expert_learning(seeded(tasks, [1]), SETTINGS, params, torch.device("cpu"))


def stable_baselines3(experts: int) -> Learn:
    """SAC of PyTorch, one expert after the other."""
    from stable_baselines3 import SAC  # type: ignore[import-not-found]

    return _in_turn(
        [SAC("MlpPolicy", OneTask(NAMES[k]), device="cpu", **_peer_options()) for k in range(experts)]
    )


def sbx(experts: int) -> Learn:
    """SAC of JAX, one expert after the other."""
    from sbx import SAC  # type: ignore[import-not-found]

    return _in_turn([SAC("MlpPolicy", OneTask(NAMES[k]), **_peer_options()) for k in range(experts)])


def _peer_options() -> dict[str, Any]:
    return {
        "policy_kwargs": {"net_arch": list(HIDDEN)},
        "batch_size": BATCH,
        "learning_rate": LEARNING_RATE,
        "learning_starts": SETTINGS.horizon,
        "train_freq": 1,
        "gradient_steps": 1,
        "buffer_size": 100_000,
        "seed": 1,
    }


def _in_turn(models: list[Any]) -> Learn:
    def learn(decisions: int) -> None:
        for model in models:
            model.learn(decisions, reset_num_timesteps=False)

    return learn


class OneTask(gymnasium.Env[np.ndarray, np.ndarray]):
    """One task as gymnasium has it: a step is a decision, a goal is drawn at each reset."""

    def __init__(self, name: str) -> None:
        self.environment = VectorEnvironment((Task(env=f"{name}-v3"),), SETTINGS)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (39,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.decisions = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.decisions = 0
        return self.environment.reset([int(self.np_random.integers(SETTINGS.goals))])[0], {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        step = self.environment.step(action[None])
        self.decisions += 1
        return step.obs[0], float(step.reward[0]), False, self.decisions == SETTINGS.horizon, {}


CONTENDERS: dict[str, Callable[[int], Learn]] = {
    "ours": ours,
    "stable-baselines3": stable_baselines3,
    "sbx": sbx,
}


def main() -> None:
    name, experts = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    learn = CONTENDERS[name](experts)
    learn(2 * SETTINGS.horizon)  # compiles what is compiled, and ends the decisions without gradient steps
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.process_time()
        learn(int(line))
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
