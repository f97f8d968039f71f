"""The transitions of one gradient step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Transitions of E experts, B each.

    Time limits are truncations and Meta-World never terminates, so there is no terminal flag: `next_obs` is
    the true next observation and its value always bootstraps.
    """

    obs: Tensor  # (E, B, O)
    action: Tensor  # (E, B, A)
    reward: Tensor  # (E, B)
    next_obs: Tensor  # (E, B, O)
    bonus: Tensor | None = None  # (E, B), kept apart from the reward
