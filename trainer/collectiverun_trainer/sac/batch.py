"""The transitions of one gradient step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Transitions of E experts, B each; a transition may span several decisions of an episode.

    Time limits are truncations and Meta-World never terminates, so there is no terminal flag: `next_obs` is
    the true observation after its last decision and its value always bootstraps.
    """

    obs: Tensor  # (E, B, O)
    action: Tensor  # (E, B, A)
    reward: Tensor  # (E, B) discounted sum over its decisions
    next_obs: Tensor  # (E, B, O)
    discount: Tensor  # (E, B) on the value of next_obs
    success: Tensor | None = None  # (E, B) discounted sum of 1 for each decision that ended in success
    bonus: Tensor | None = None  # (E, B), kept apart from the reward
    examples: int = 0  # so many of each expert's transitions, the first ones, are worth imitating


@dataclass(frozen=True)
class Emphasis:
    """What a gradient step is about."""

    actor: bool = True
    """Whether actor and temperature learn too, not the critics alone."""
    imitation: float = 0.0
    """Weight of the imitation of examples in the actor's loss, in units of the critics' mean magnitude."""


BOTH = Emphasis()
"""Critics and actor, without imitation: plain soft actor-critic."""
