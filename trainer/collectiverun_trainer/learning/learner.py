"""What one expert has come to: its evaluations, its best networks, its sample of training episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from collectiverun_trainer.config import ExpertsParams, Task
from collectiverun_trainer.learning.selection import Selection
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.rollouts.policy import TrainedExperts
from collectiverun_trainer.sac.networks import State
from collectiverun_trainer.seeding import generator_state, restore_generator


@dataclass
class Expert:
    """One expert between episodes."""

    task: Task
    goals: np.random.Generator
    selection: Selection = field(default_factory=Selection)
    episode_goals: list[int] = field(default_factory=list)
    """Goal of every training episode so far."""
    env_steps: int = 0
    training: Episodes | None = None
    """Sample of its training episodes; None until it has stopped."""

    def best(self, module: str) -> State:
        """State of the best `actor` or `critics`, as a stack of one."""
        prefix = f"{module}."
        state = self.selection.state
        return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

    def published(self, params: ExpertsParams, device: torch.device) -> TrainedExperts:
        """The expert as it was at its best evaluation, a stack of one."""
        sizes, layer_norm = params.hidden_sizes, params.critic_layer_norm
        return TrainedExperts(
            [self.task], sizes, layer_norm, [self.best("actor")], [self.best("critics")], device
        )

    def succeeds(self, threshold: float | None, patience: int) -> bool:
        """Whether success at the end reached the threshold in the last `patience` evaluations."""
        recent = [success.at_end for _, success in self.selection.scores[-patience:]]
        return threshold is not None and len(recent) == patience and min(recent) >= threshold

    def state_dict(self) -> dict[str, Any]:
        """Everything about the expert that the stack of networks and the replay do not hold."""
        return {
            "goals": generator_state(self.goals),
            "selection": self.selection.state_dict(),
            "episode_goals": list(self.episode_goals),
            "env_steps": self.env_steps,
            "training": self.training.to_tensors() if self.training else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        restore_generator(self.goals, state["goals"])
        self.selection.load_state_dict(state["selection"])
        self.episode_goals, self.env_steps = list(state["episode_goals"]), state["env_steps"]
        self.training = Episodes.from_tensors(*state["training"]) if state["training"] else None


def network_state(actor: State, critics: State) -> State:
    """Actor and critics as the one state that `Expert.best` takes apart."""
    named = {"actor": actor, "critics": critics}
    return {f"{module}.{name}": value for module, state in named.items() for name, value in state.items()}
