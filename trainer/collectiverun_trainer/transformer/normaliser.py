"""Input statistics of the encoder, pooled over all tasks: the task a window is from must not show in them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from collectiverun_trainer.environments.observation import ACTION_SIZE, COMPRESSED_SIZE, compress
from collectiverun_trainer.transformer.windows import RecordedRows, Windows

SIZES = {"state": COMPRESSED_SIZE, "action": ACTION_SIZE, "reward": 1}
MIN_SPREAD = 0.01
"""A feature that hardly moves (a fixed coordinate) is not blown up: 1 cm in a position, 0.01 elsewhere."""
MAX_VALUE = 10.0
"""Normalised values are cut off here, so that an unseen task cannot saturate the network."""


class Normaliser(nn.Module):
    """Takes (values - mean) / spread of each feature of state, action and reward; stored with the encoder."""

    def __init__(self) -> None:
        super().__init__()
        for name, size in SIZES.items():
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_spread", torch.ones(size))

    @classmethod
    def fit(cls, episodes: RecordedRows) -> Normaliser:
        """Statistics over all rows of all tasks together."""
        normaliser = cls()
        values = {"state": compress(episodes.obs), "action": episodes.action, "reward": episodes.reward}
        for name, rows in values.items():
            spread, mean = torch.std_mean(rows.double(), dim=0, correction=0)
            normaliser.get_buffer(f"{name}_mean").copy_(mean)
            normaliser.get_buffer(f"{name}_spread").copy_(spread.clamp_min(MIN_SPREAD))
        return normaliser

    def forward(self, windows: Windows) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised state (B, T, 21), action (B, T, 4) and reward (B, T, 1); padding is arbitrary."""
        return (
            self._scaled("state", windows.state),
            self._scaled("action", windows.action),
            self._scaled("reward", windows.reward),
        )

    def _scaled(self, name: str, values: Tensor) -> Tensor:
        scaled = (values - self.get_buffer(f"{name}_mean")) / self.get_buffer(f"{name}_spread")
        return scaled.clamp(-MAX_VALUE, MAX_VALUE)
