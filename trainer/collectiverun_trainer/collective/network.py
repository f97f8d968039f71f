"""The collective: one network for all tasks that sees (task embedding, observation), never a task's name."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, scale_obs
from collectiverun_trainer.sac.networks import StackedMLP, TwinCritics, gaussian_head


class CollectiveNetwork(nn.Module):
    """Actor and twin critics on [z, scaled obs]; the networks of one SAC expert with a wider input.

    Args:
        embedding_size: Z, length of the task embedding.
        hidden_sizes: width of each hidden layer.
        generator: of the initial weights; without one they stay uninitialised, to be loaded.
    """

    def __init__(
        self, embedding_size: int, hidden_sizes: Sequence[int], generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.hidden_sizes = tuple(hidden_sizes)
        inputs = embedding_size + OBS_SIZE
        generators = None if generator is None else [generator]
        self.actor = StackedMLP(1, inputs, hidden_sizes, 2 * ACTION_SIZE, generators=generators)
        self.critics = TwinCritics(1, inputs + ACTION_SIZE, hidden_sizes, True, generators)

    def gaussian(self, z: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log std (B, 4) of the action before tanh, at z (B, Z) and raw obs (B, 39)."""
        mu, log_std = gaussian_head(self.actor(_inputs(z, obs)))
        return mu[0], log_std[0]

    def q(self, z: Tensor, obs: Tensor, action: Tensor) -> Tensor:
        """Both critics (2, B) in units normalised per task; `QScale` holds mean and spread."""
        values: Tensor = self.critics(_inputs(z, obs), action[None])
        return values[0]


def _inputs(z: Tensor, obs: Tensor) -> Tensor:
    return torch.cat([z, scale_obs(obs)], -1)[None]
