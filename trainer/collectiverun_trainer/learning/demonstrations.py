"""Demonstrations in the replay buffer of learners, with the bonus that a guide would pay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.environments.observation import ACTION_SIZE, Array, Integers
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.learning.guide import Guide
from collectiverun_trainer.rollouts.policy import Policy, PolicyPerTask
from collectiverun_trainer.rollouts.recording import record
from collectiverun_trainer.rollouts.scripted import ScriptedPolicy


def drawn_goals(streams: Sequence[np.random.Generator], goals: int, count: int) -> Integers:
    """For each stream `count` of so many goals; none a second time before all were drawn."""
    return np.stack([np.resize(stream.permutation(goals), count) for stream in streams])


def demonstrate(environment: VectorEnvironment, guide: Guide, goals: Integers) -> dict[str, Tensor]:
    """Episodes of each task's demonstrator on goals (E, k), as replay columns (E, k · horizon, size)."""
    watched = _Watched(Demonstrator(environment), guide)
    recording = record(environment, watched, goals)
    columns = {name: column.flatten(1, 2) for name, column in recording.columns.items()}
    return columns | {"bonus": torch.stack(watched.bonuses, 1).unsqueeze(-1)}


class Demonstrator:
    """Meta-World's scripts, but where a task is in success the hand stays, with the gripper's last effort.

    Some scripts drive on once the goal is reached: that of door-open succeeds at some step of 94 % of its
    episodes and ends none of them so, that of push 36 % (Meta-World 3.1.1). They would show how to leave it.
    """

    def __init__(self, environment: VectorEnvironment) -> None:
        self._environment = environment
        self._script = PolicyPerTask([ScriptedPolicy(task) for task in environment.tasks])
        self._gripper = np.zeros(len(environment), dtype=np.float32)

    def begin(self, n: int) -> None:
        """n new episodes start."""
        self._script.begin(n)
        self._gripper[:] = 0.0

    def act(self, obs: Array) -> Array:
        """Actions (n, 4)."""
        staying = np.zeros((len(obs), ACTION_SIZE), dtype=np.float32)
        staying[:, -1] = self._gripper
        action: Array = np.where(self._environment.success[:, None], staying, self._script.act(obs))
        self._gripper = action[:, -1].copy()
        return action

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed."""
        self._script.observe(obs, action, reward)


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
