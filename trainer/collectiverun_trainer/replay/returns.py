"""n-step returns: which rows a transition of several decisions spans, and what it gains (Sutton 1988)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Returns:
    """A transition spans `steps` decisions of one episode, fewer where the episode ends before.

    The experience is off-policy and the sum is not corrected for it, as in Rainbow (arXiv:1710.02298): with
    few steps the error is small, and rewards reach the values before them sooner.
    """

    horizon: int
    """Decisions of an episode."""
    steps: int
    discount: float
    """γ per decision."""

    def spans(self, first: Tensor, last: Tensor) -> Tensor:
        """Decisions (…,) of transitions from rows `first`, of episodes whose rows end at `last`."""
        return (last - first + 1).clamp(max=self.steps)

    def rows(self, first: Tensor, spans: Tensor) -> Tensor:
        """Rows (…, steps) of each transition; where it spans fewer, its last one again."""
        return first.unsqueeze(-1) + torch.minimum(self._offsets(spans), spans.unsqueeze(-1) - 1)

    def add_up(self, values: Tensor, spans: Tensor) -> Tensor:
        """Σ_k γ^k values_k over each transition's own rows: values (…, steps), spans (…,) -> (…,)."""
        offsets = self._offsets(spans)
        weights = self.discount**offsets * (offsets < spans.unsqueeze(-1))
        return (values * weights).sum(-1)

    def discounts(self, spans: Tensor) -> Tensor:
        """γ^span (…,) on the value of the observation that each transition ends in."""
        return torch.pow(torch.tensor(self.discount, device=spans.device), spans)

    def _offsets(self, spans: Tensor) -> Tensor:
        return torch.arange(self.steps, device=spans.device)


def last_rows_played(first: Tensor, horizon: int, rows: int) -> Tensor:
    """Last row of the episode of each row `first` (…,), of `rows` played; the last episode may go on."""
    return (torch.div(first, horizon, rounding_mode="floor") * horizon + horizon - 1).clamp(max=rows - 1)
