"""The record of one learner: its evaluations, its best networks, a sample of its training episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.learning.seeded_task import SeededTask
from collectiverun_trainer.learning.selection import Selection
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.sac.networks import State

Role = Literal["expert", "student", "control"]


CANDIDATES = 3
"""Networks of each learner that are tried once more in the end."""


@dataclass
class Learner:
    """The state of one learner between episodes."""

    task: SeededTask
    role: Role
    selection: Selection = field(default_factory=lambda: Selection(kept=CANDIDATES))
    """Scores on selection goals; the state kept is {"actor": …, "critics": …}, stacks of one."""
    env_steps: int = 0
    diverged: bool = False
    """Whether a loss was no number: its networks are lost, what was kept of them before is not."""
    goals: list[int] = field(default_factory=list)
    """Goal of every training episode so far."""
    episodes: Episodes | None = None
    """Sample of its training episodes; None until it has stopped."""

    def best(self, module: Literal["actor", "critics"]) -> State:
        """Weights at the best evaluation, as a stack of one."""
        state: State = self.selection.state[module]
        return state

    def keep_sample(
        self, columns: Mapping[str, Tensor], count: int, horizon: int, generator: np.random.Generator
    ) -> None:
        """Keep at most `count` whole episodes, drawn evenly from all of its training.

        The sample is what a reservoir over the episodes would hold.

        Args:
            columns: all of its experience in order, (decisions, size) each.
        """
        played = len(self.goals)
        chosen = np.sort(generator.permutation(played)[:count])
        parts = {name: value.view(played, horizon, -1)[chosen].cpu() for name, value in columns.items()}
        goals = torch.tensor(self.goals, dtype=torch.int64)[chosen]
        self.episodes = Episodes.unlabelled(
            self.task.plain, "training", parts, parts["next_obs"][:, -1], goals
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything about the learner that the stack of networks and the replay do not hold."""
        return {
            "selection": self.selection.state_dict(),
            "env_steps": self.env_steps,
            "diverged": self.diverged,
            "goals": list(self.goals),
            "episodes": self.episodes.to_tensors() if self.episodes else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        self.selection.load_state_dict(state["selection"])
        self.env_steps, self.goals = state["env_steps"], list(state["goals"])
        self.diverged = state.get("diverged", False)  # checkpoints of earlier versions have none
        self.episodes = Episodes.from_tensors(*state["episodes"]) if state["episodes"] else None
