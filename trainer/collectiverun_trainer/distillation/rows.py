"""Labelled rows packed in one tensor: a batch is one gather with equally many rows of each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE
from collectiverun_trainer.replay.episodes import Episodes

_SIZES = (OBS_SIZE, ACTION_SIZE, ACTION_SIZE, ACTION_SIZE, 1)
Q_COLUMN = sum(_SIZES) - 1
"""Where a packed row holds the expert's Q."""


def row_width(embedding_size: int) -> int:
    """Length of a packed row."""
    return sum(_SIZES) + embedding_size


@dataclass(frozen=True)
class Labelled:
    """Decisions with their expert's labels and the collective's embedding; any leading dimensions."""

    obs: Tensor  # (…, 39) unscaled
    action: Tensor  # (…, 4)
    mu: Tensor  # (…, 4) of the expert, before tanh
    log_std: Tensor  # (…, 4)
    q: Tensor  # (…, 1) in units of the expert's scaled reward
    z: Tensor  # (…, Z) of the true history

    def pack(self) -> Tensor:
        """All columns side by side, (…, 52 + Z)."""
        return torch.cat(astuple(self), -1)

    @classmethod
    def unpack(cls, packed: Tensor) -> Labelled:
        """The inverse of `pack`; columns are views."""
        return cls(*torch.split(packed, [*_SIZES, packed.shape[-1] - sum(_SIZES)], -1))


def pack_episodes(episodes: Episodes) -> Tensor:
    """All rows of an online buffer, (rows, 52 + Z), in their order.

    Raises:
        ValueError: the episodes carry no task embeddings.
    """
    if episodes.z is None:
        raise ValueError("the episodes carry no task embeddings z; they are not an online buffer")
    e = episodes
    return Labelled(e.obs, e.action, e.mu, e.log_std, e.q, episodes.z).pack()


class BalancedRows:
    """Rows of several tasks, drawn equally often however many each task has.

    Args:
        rows_of_task: for every task the rows (at least one) it may be drawn from, int64.
    """

    def __init__(self, rows_of_task: Sequence[Tensor]) -> None:
        self._rows = pad_sequence(list(rows_of_task), batch_first=True)
        self._counts = torch.tensor([[len(rows)] for rows in rows_of_task], dtype=torch.float64)

    def draw(self, packed: Tensor, rows_per_task: int, generator: torch.Generator) -> Tensor:
        """A batch (tasks, rows_per_task, …) of packed rows (rows, …), uniform with replacement."""
        shape = (len(self._counts), rows_per_task)
        place = torch.rand(shape, generator=generator, dtype=torch.float64) * self._counts
        rows = self._rows.gather(1, place.long().to(self._rows.device))
        return packed.index_select(0, rows.flatten()).view(*shape, -1)
