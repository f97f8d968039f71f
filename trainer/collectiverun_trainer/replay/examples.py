"""The rows of a learner's replay that are worth imitating: demonstrated, or its own that ended well."""

from __future__ import annotations

import torch
from torch import Tensor


class Examples:
    """Parts of episodes, as rows of a replay buffer, with the last row of the part that each lies in.

    A demonstration counts until its last success: Meta-World's scripts leave the goal once it was reached
    (door-open succeeds at some step of 94 % of its episodes and ends none so). A learner's own episode counts
    if it ended in success (self-imitation, Oh et al. 2018, arXiv:1806.05635, with success for the return).
    """

    def __init__(self) -> None:
        self._rows = self._lasts = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def add_demonstration(self, start: int, success: Tensor) -> None:
        """An episode that begins in row `start`: success (horizon,) of its decisions."""
        rows = len(success)
        if (success > 0).any():
            rows -= int((success > 0).flip(0).to(torch.int64).argmax())
        self._add(start, rows)

    def add_own(self, start: int, success: Tensor) -> None:
        """The same of an episode that the learner played."""
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
