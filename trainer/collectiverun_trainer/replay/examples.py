"""The rows of a learner's replay that are worth imitating: demonstrated, or its own that ended well."""

from __future__ import annotations

import torch
from torch import Tensor


class Examples:
    """Parts of episodes, as rows of a replay buffer, with the last row of the part that each lies in.

    A demonstration counts until its last success; one without any counts only if none has any. A learner's
    own episode counts if it ended in success (self-imitation, Oh et al. 2018, arXiv:1806.05635, with success
    for the return).
    """

    def __init__(self) -> None:
        self._rows = self._lasts = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def add_demonstrations(self, success: Tensor) -> None:
        """Episodes that begin in row 0: success (k, horizon) of their decisions."""
        episodes, horizon = success.shape
        succeeded = (success > 0).any(1)
        lengths = horizon - (success > 0).flip(1).to(torch.int64).argmax(1)
        for episode in range(episodes):
            if succeeded[episode]:
                self._add(episode * horizon, int(lengths[episode]))
            elif not succeeded.any():
                self._add(episode * horizon, horizon)

    def add_own(self, start: int, success: Tensor) -> None:
        """An episode that the learner played from row `start` on: success (horizon,) of its decisions."""
        if success[-1] > 0:
            self._add(start, len(success))

    def _add(self, start: int, rows: int) -> None:
        part = torch.arange(start, start + rows)
        self._rows = torch.cat([self._rows, part])
        self._lasts = torch.cat([self._lasts, part[-1].expand(rows)])

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`count` rows and the last rows of their parts, with replacement; there must be some."""
        drawn = torch.randint(len(self), (count,), generator=generator)
        return self._rows[drawn], self._lasts[drawn]
