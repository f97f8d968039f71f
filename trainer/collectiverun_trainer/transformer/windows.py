"""Windows of experience: the trajectory transformer's input at a decision.

The window at decision t of an episode holds its completed decisions t-T ... t-1. A history shorter than T is
padded on the left and masked, in training exactly as in rollouts; at t = 0 everything is masked. `windows`
takes them from recorded episodes, `History` keeps them up to date in rollouts; both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.environments.observation import ACTION_SIZE, COMPRESSED_SIZE, compress


class RecordedRows(Protocol):
    """Whole episodes as flat rows, such as `replay.episodes.Episodes`; one row is one decision."""

    @property
    def obs(self) -> Tensor:
        """Observations before the decisions, (rows, 39)."""

    @property
    def action(self) -> Tensor:
        """Actions taken, (rows, 4)."""

    @property
    def reward(self) -> Tensor:
        """Unscaled rewards, (rows, 1)."""

    @property
    def episode_start(self) -> Tensor:
        """First row of each episode, (episodes,), increasing from 0."""


@dataclass(frozen=True)
class Windows:
    """B windows of T decisions, oldest first; padded places are zero and False in `mask`."""

    state: Tensor
    """Compressed observations, (B, T, 21)."""
    action: Tensor
    """Actions, (B, T, 4)."""
    reward: Tensor
    """Unscaled rewards, (B, T, 1)."""
    mask: Tensor
    """True where a decision was made, (B, T)."""

    def __len__(self) -> int:
        return self.mask.shape[0]

    def __getitem__(self, index: slice | Tensor) -> Windows:
        return Windows(self.state[index], self.action[index], self.reward[index], self.mask[index])

    def to(self, device: torch.device) -> Windows:
        """The same windows on a device."""
        return Windows(
            self.state.to(device), self.action.to(device), self.reward.to(device), self.mask.to(device)
        )

    @staticmethod
    def concatenate(parts: Sequence[Windows]) -> Windows:
        """The windows of all parts, one after the other."""
        return Windows(
            torch.cat([part.state for part in parts]),
            torch.cat([part.action for part in parts]),
            torch.cat([part.reward for part in parts]),
            torch.cat([part.mask for part in parts]),
        )


def windows(episodes: RecordedRows, row: Tensor, length: int) -> Windows:
    """The windows at the decisions that the rows record.

    `row` is (B,) int64; `length` is T in decisions. The row itself is not in its window: its action is
    what the window is used for.
    """
    starts = episodes.episode_start
    first = starts[torch.searchsorted(starts, row, right=True) - 1]
    decision = row[:, None] - length + torch.arange(length, device=row.device)
    mask = decision >= first[:, None]
    index = torch.where(mask, decision, first[:, None])
    blank = ~mask[:, :, None]
    return Windows(
        compress(episodes.obs[index]).masked_fill(blank, 0.0),
        episodes.action[index].masked_fill(blank, 0.0),
        episodes.reward[index].masked_fill(blank, 0.0),
        mask,
    )


class History:
    """The windows of n episodes played side by side."""

    def __init__(self, count: int, length: int) -> None:
        """`count` is the number of episodes n, `length` is T in decisions."""
        self._state = np.zeros((count, length, COMPRESSED_SIZE), np.float32)
        self._action = np.zeros((count, length, ACTION_SIZE), np.float32)
        self._reward = np.zeros((count, length, 1), np.float32)
        self._mask = np.zeros((count, length), bool)

    def __len__(self) -> int:
        return len(self._mask)

    def begin(self, rows: np.ndarray | slice = slice(None)) -> None:
        """Clear histories: the episodes of these rows, an index or flags (n,), start anew."""
        for stored in (self._state, self._action, self._reward, self._mask):
            stored[rows] = 0

    def copy(self) -> History:
        """The same histories, which go their own way from here."""
        return deepcopy(self)

    def append(self, obs: np.ndarray, action: np.ndarray, reward: np.ndarray) -> None:
        """Append a decision: the obs before it (n, 39), action (n, 4), unscaled reward (n,) or (n, 1)."""
        _push(self._state, compress(obs))
        _push(self._action, action)
        _push(self._reward, reward.reshape(-1, 1))
        _push(self._mask, True)

    def windows(self) -> Windows:
        """A copy of the current windows, on the CPU."""
        stored = (self._state, self._action, self._reward, self._mask)
        return Windows(*(torch.from_numpy(values.copy()) for values in stored))


def _push(stored: np.ndarray, newest: np.ndarray | bool) -> None:
    stored[:, :-1] = stored[:, 1:]
    stored[:, -1] = newest
