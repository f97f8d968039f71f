"""The policy of the collective: it acts from the history of each episode alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.windows import History

ZMode = Literal["true", "zero", "shuffled"]


@dataclass(frozen=True)
class Collective:
    """A collective as it is published: it needs nothing else to act."""

    network: CollectiveNetwork
    encoder: TrajectoryEncoder
    tasks: tuple[Task, ...]
    """The tasks whose experts it was trained on; a record, not an input."""
    q_scale: QScale | None
    """The units of its critics, per task; None: they were not trained (scripted experts have no Q)."""

    def policy(self, z_mode: ZMode = "true", tasks: int | None = None) -> CollectivePolicy:
        """The policy; `tasks` is the number of tasks whose rows lie side by side, for `shuffled` only."""
        return CollectivePolicy(self.encoder, self.network, z_mode, tasks or len(self.tasks))


class CollectivePolicy:
    """Acts from the history of each episode alone.

    `z_mode` is for ablations: `zero` replaces the task embedding by zeros, `shuffled` gives every row the
    embedding of the next task's row at the same decision (rows lie task by task).

    Raises:
        ValueError: an unknown mode, or `shuffled` with fewer than two tasks.
    """

    def __init__(
        self, encoder: TrajectoryEncoder, network: CollectiveNetwork, z_mode: ZMode = "true", tasks: int = 1
    ) -> None:
        if z_mode not in get_args(ZMode):
            raise ValueError(f"z_mode {z_mode!r} is unknown; use one of {', '.join(get_args(ZMode))}")
        if z_mode == "shuffled" and tasks < 2:
            raise ValueError("z_mode 'shuffled' takes another task's embeddings: it needs at least two tasks")
        self.encoder = encoder
        self.network = network
        self.z_mode = z_mode
        self.tasks = tasks
        self.device = next(network.parameters()).device
        self.history = History(0, encoder.params.window)

    def begin(self, n: int) -> None:
        """n new episodes start with empty histories."""
        self.history = History(n, self.encoder.params.window)

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed: obs (n, 39), action (n, 4), unscaled reward (n,)."""
        self.history.append(obs, action, reward)

    def embed(self) -> Tensor:
        """The current task embeddings (n, Z)."""
        z = self.encoder.embed(self.history.windows())
        if self.z_mode == "zero":
            return torch.zeros_like(z)
        return z if self.z_mode == "true" else z.roll(len(z) // self.tasks, 0)

    @torch.no_grad()
    def gaussian(self, obs: Array, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log std (n, 4) before tanh at raw obs (n, 39) and z (n, Z)."""
        return self.network.gaussian(z, torch.from_numpy(obs).to(self.device))

    def act(self, obs: Array) -> Array:
        """Deterministic actions (n, 4) in [-1, 1] at raw obs (n, 39).

        Raises:
            ValueError: other than n episodes have begun.
        """
        if len(obs) != len(self.history):
            raise ValueError(
                f"{len(obs)} observations for {len(self.history)} episodes: where episodes begin, tell"
                " begin(n) how many"
            )
        mu, _ = self.gaussian(obs, self.embed())
        action: Array = torch.tanh(mu).cpu().numpy().astype(np.float32)
        return action
