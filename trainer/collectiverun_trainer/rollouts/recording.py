"""Episodes kept as they were played: as tensors to learn from, or as pictures to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.observation import Array, Integers
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.rollouts.play import play
from collectiverun_trainer.rollouts.policy import Policy


@dataclass(frozen=True)
class Recording:
    """k episodes in each of n rows of an environment, all of one horizon."""

    columns: dict[str, Tensor]  # obs, next_obs, action, reward, success: (n, k, horizon, size)
    goals: Tensor  # (n, k) int64

    def episodes(self, row: int, task: Task, source: str) -> Episodes:
        """The k episodes of one row, labels still zero."""
        columns = {name: value[row] for name, value in self.columns.items()}
        return Episodes.unlabelled(task, source, columns, columns["next_obs"][:, -1], self.goals[row])


def record(environment: VectorEnvironment, policy: Policy, goals: Integers) -> Recording:
    """Let a policy play k whole episodes one after another, on goals (n, k)."""
    episodes = [_record_one(environment, policy, goals[:, k]) for k in range(goals.shape[1])]
    columns = {
        name: torch.from_numpy(np.stack([episode[name] for episode in episodes], axis=1))
        for name in episodes[0]
    }
    return Recording(columns, torch.from_numpy(goals.astype(np.int64)))


def _record_one(environment: VectorEnvironment, policy: Policy, goals: Integers) -> dict[str, Array]:
    decisions = list(play(environment, policy, goals))
    return {
        "obs": np.stack([d.obs for d in decisions], axis=1),
        "next_obs": np.stack([d.next_obs for d in decisions], axis=1),
        "action": np.stack([d.action for d in decisions], axis=1),
        "reward": np.stack([d.reward for d in decisions], axis=1)[..., None],
        "success": np.stack([d.success_end for d in decisions], axis=1)[..., None].astype(np.float32),
    }


class _Filmed:
    """A policy whose environment is drawn before each of its decisions."""

    def __init__(self, policy: Policy, environment: VectorEnvironment, size: int) -> None:
        self.policy, self.environment, self.size = policy, environment, size
        self.frames: list[npt.NDArray[np.uint8]] = []
        self.begin, self.observe = policy.begin, policy.observe

    def act(self, obs: Array) -> Array:
        self.draw()
        return self.policy.act(obs)

    def draw(self) -> None:
        self.frames.append(self.environment.render(0, self.size))


class Film(NamedTuple):
    """One episode as it was drawn, and its outcome."""

    frames: npt.NDArray[np.uint8]  # (horizon + 1, size, size, 3): before each decision, and after the last
    any_step: bool  # success at any env step
    at_end: bool  # success at the last one


def record_video(policy: Policy, task: Task, settings: EnvironmentSettings, goal: int, size: int) -> Film:
    """Film one episode on a goal of `settings.goal_seed`. Raises RenderingError if nothing can be drawn."""
    environment = VectorEnvironment((task,), settings)
    filmed = _Filmed(policy, environment, size)
    any_step = at_end = False
    for decision in play(environment, filmed, [goal]):
        any_step |= bool(decision.success_any[0])
        at_end = bool(decision.success_end[0])
    filmed.draw()
    return Film(np.stack(filmed.frames), any_step, at_end)
