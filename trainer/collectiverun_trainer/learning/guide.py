"""A guide: what helps learners beyond their environment, by acting for them or adding to their reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.learning.learner import Role
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.sac.agent import StackedSAC


class Guide(Protocol):
    """Follows n learners, one per row; it decides which of them it helps."""

    def begin(self, episode: int) -> None:
        """All learners start episode `episode` of theirs."""

    def act(self, obs: Array, action: Array) -> Array:
        """Actions (n, 4) taken before learning begins, given those (n, 4) the learners chose."""

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed: obs (n, 39), action (n, 4), unscaled reward (n,)."""

    def bonus(self, obs: Array, action: Array) -> Tensor:
        """Bonus ρ (n,) on the reward of actions (n, 4) at raw obs (n, 39)."""

    def weights(self, env_steps: int) -> Tensor | None:
        """Weight (n,) of the bonus after so many env steps of each learner; None: there is no bonus."""

    def start_learning(self, agent: StackedSAC) -> None:
        """The first gradient step is about to be taken."""

    def record(self, outcomes: Mapping[Role, Mapping[Task, Outcomes]]) -> None:
        """An evaluation on selection goals has been made."""

    def episode_metrics(self) -> dict[str, Tensor]:
        """Metrics (n,) of the episode that ended last."""

    def task_metrics(self, env_steps: int) -> dict[str, Tensor]:
        """Metrics (tasks,) after so many env steps of each learner."""

    def state_dict(self) -> dict[str, Any]:
        """Everything, between episodes."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""


class NoGuide:
    """The guide of learners that have none."""

    def begin(self, episode: int) -> None:
        """Nothing to begin."""

    def act(self, obs: Array, action: Array) -> Array:
        """The learners' own actions."""
        return action

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """Nothing to remember."""

    def bonus(self, obs: Array, action: Array) -> Tensor:
        """Zeros (n,)."""
        return torch.zeros(len(obs))

    def weights(self, env_steps: int) -> Tensor | None:
        """There is no bonus."""
        return None

    def start_learning(self, agent: StackedSAC) -> None:
        """Nothing to give."""

    def record(self, outcomes: Mapping[Role, Mapping[Task, Outcomes]]) -> None:
        """Nothing to take note of."""

    def episode_metrics(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def task_metrics(self, env_steps: int) -> dict[str, Tensor]:
        """None."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""
