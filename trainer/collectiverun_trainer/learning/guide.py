"""A guide: what helps learners beyond their environment, by acting for them or adding to their reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.learning.learner import Role
from collectiverun_trainer.learning.seeded_task import SeededTask
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.sac.agent import StackedSAC


class Guide:
    """Follows n learners, one per row, and helps those it chooses; this base class helps none."""

    def begin(self, episode: int) -> None:
        """All learners start episode `episode` of theirs."""

    def act(self, obs: Array, action: Array) -> Array:
        """Actions (n, 4) taken before learning begins at obs (n, 39), in place of the learners' `action`."""
        return action

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed: obs (n, 39), action (n, 4), unscaled reward (n,)."""

    def bonus(self, obs: Array, action: Array) -> Tensor:
        """Bonus ρ (n,) on the reward of actions (n, 4) at raw obs (n, 39)."""
        return torch.zeros(len(obs))

    def weights(self, env_steps: int) -> Tensor | None:
        """Weight (n,) of the bonus after so many env steps of each learner; None: there is no bonus."""
        return None

    def start_learning(self, agent: StackedSAC) -> None:
        """The first gradient step is about to be taken."""

    def record(self, outcomes: Mapping[Role, Mapping[SeededTask, Outcomes]]) -> None:
        """Take into account an evaluation on selection goals."""

    def end(self, success: Tensor) -> dict[str, Tensor]:
        """An episode is over, with any-step success (n,): its metrics (n,)."""
        return {}

    def task_metrics(self, env_steps: int) -> dict[str, Tensor]:
        """Metrics (tasks,) after so many env steps of each learner."""
        return {}

    def note(self) -> str:
        """One sentence for a person on whom it could not help; empty if there is none."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Everything the guide depends on, between episodes."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
