"""Scripted episodes in the replay buffer of learners, with the bonus that a guide would pay."""

from __future__ import annotations

import torch
from torch import Tensor

from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.environments.vector import Integers, VectorEnvironment
from collectiverun_trainer.learning.guide import Guide
from collectiverun_trainer.rollouts.policy import Policy, PolicyPerTask
from collectiverun_trainer.rollouts.recording import record
from collectiverun_trainer.rollouts.scripted import ScriptedPolicy


def demonstrate(environment: VectorEnvironment, guide: Guide, goals: Integers) -> dict[str, Tensor]:
    """Episodes of each task's scripted policy on goals (E, k), as replay columns (E, k · horizon, size)."""
    scripted = _Watched(PolicyPerTask([ScriptedPolicy(task) for task in environment.tasks]), guide)
    recording = record(environment, scripted, goals)
    columns = {name: column.flatten(1, 2) for name, column in recording.columns.items()}
    return columns | {"bonus": torch.stack(scripted.bonuses, 1).unsqueeze(-1)}


class _Watched:
    """A policy that records the guide's bonus of its every decision."""

    def __init__(self, policy: Policy, guide: Guide) -> None:
        self.policy, self.guide = policy, guide
        self.bonuses: list[Tensor] = []

    def begin(self, n: int) -> None:
        """n new episodes start."""
        self.policy.begin(n)
        self.guide.begin(0)

    def act(self, obs: Array) -> Array:
        """The policy's actions (n, 4); their bonus is recorded."""
        action = self.policy.act(obs)
        self.bonuses.append(self.guide.bonus(obs, action))
        return action

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed."""
        self.policy.observe(obs, action, reward)
        self.guide.observe(obs, action, reward)
