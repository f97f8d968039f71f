"""Whole episodes of a policy on given goals, one task after another in one environment each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.rollouts.policy import MemorylessPolicy, Policy, RandomPolicy, ScriptedPolicy
from collectiverun_trainer.sac.agent import StackedSAC

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rollouts:
    """k episodes in each of n rows of an environment, all of one horizon."""

    columns: dict[str, Tensor]  # obs, next_obs, action, reward, success: (n, k, horizon, size)
    goals: Tensor  # (n, k) int64

    def episodes(self, row: int, task: Task, source: str) -> Episodes:
        """The k episodes of one row, labels still zero."""
        columns = {name: value[row] for name, value in self.columns.items()}
        return Episodes.unlabelled(task, source, columns, columns["next_obs"][:, -1], self.goals[row])


class WanderingPolicy(MemorylessPolicy):
    """A scripted policy led astray: a share of random action, drawn anew for every episode, is mixed in."""

    def __init__(self, task: Task, generator: np.random.Generator) -> None:
        self.script = ScriptedPolicy(task)
        self.random = RandomPolicy(generator)
        self.generator = generator
        self.share = 0.0

    def begin(self, n: int) -> None:
        """New episodes: draw how far they are led astray."""
        self.share = float(self.generator.uniform())

    def act(self, obs: Array) -> Array:
        """Actions (n, 4)."""
        mixed: Array = (1.0 - self.share) * self.script.act(obs) + self.share * self.random.act(obs)
        return mixed.astype(np.float32)


class StackPolicy(MemorylessPolicy):
    """The deterministic policies of a stack, for rows that lie task by task."""

    def __init__(self, agent: StackedSAC) -> None:
        self.agent = agent

    def act(self, obs: Array) -> Array:
        """Actions (n, 4), n / E rows for each expert."""
        rows = torch.from_numpy(obs).to(self.agent.device).view(self.agent.experts, -1, obs.shape[-1])
        action: Array = self.agent.act(rows, deterministic=True).flatten(0, 1).cpu().numpy()
        return action


def play(environment: VectorEnvironment, policy: Policy, goals: Array) -> Rollouts:
    """Let a policy act for k whole episodes one after the other, on goals (n, k)."""
    episodes = [_play_one(environment, policy, goals[:, k]) for k in range(goals.shape[1])]
    columns = {
        name: torch.from_numpy(np.stack([episode[name] for episode in episodes], axis=1))
        for name in episodes[0]
    }
    return Rollouts(columns, torch.from_numpy(goals.astype(np.int64)))


def _play_one(environment: VectorEnvironment, policy: Policy, goals: Array) -> dict[str, Array]:
    obs = environment.reset(goals)
    policy.begin(len(environment))
    decisions: list[Sequence[Array]] = []
    for _ in range(environment.settings.horizon):
        action = policy.act(obs)
        step = environment.step(action)
        policy.observe(obs, action, step.reward)
        success = step.success_end.astype(np.float32)
        decisions.append((obs, step.obs, action, step.reward[:, None], success[:, None]))
        obs = step.obs
    names = ("obs", "next_obs", "action", "reward", "success")
    return {
        name: np.stack(column, axis=1)
        for name, column in zip(names, zip(*decisions, strict=True), strict=True)
    }
