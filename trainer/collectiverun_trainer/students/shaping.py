"""Reward shaping from the collective: a bonus for acting as it would, fading with time and success.

    shaped reward = r · rewardScale + w(t) · ρ        ρ = exp(−½ Σ_j ((u_j − mu_j) / σ_j)²)  in (0, 1]

u is the student's action before tanh, (mu, σ) the collective's Gaussian at the same state. ρ is a density
divided by its own peak, so it is formed from its logarithm and never from the density: nothing overflows.
The bonus is no potential difference (Ng et al. 1999): while w > 0 it biases what is optimal, hence it fades.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from collectiverun_trainer.sac.squashing import PRE_SQUASH_LIMIT, pre_squash

LOG_BONUS_FLOOR = -80.0
"""exp of it is still a normal float32, so that ρ stays in (0, 1]."""

RECENT = 3
"""Number of a student's latest evaluations that count; those not yet made count as failures."""


def log_bonus(action: Tensor, mu: Tensor, log_std: Tensor, min_std: float) -> Tensor:
    """log ρ (…,) ≤ 0 of `action` (…, 4) in (−1, 1) under the Gaussian `mu`, `log_std` (…, 4) before tanh.

    σ counts as at least `min_std`: the collective's own σ is so small that almost every action of an
    untrained student would earn nothing, and no action more than another.
    """
    inverse_std = torch.exp(-log_std.clamp(min=math.log(min_std)))
    distance = (pre_squash(action) - mu.clamp(-PRE_SQUASH_LIMIT, PRE_SQUASH_LIMIT)) * inverse_std
    return (-0.5 * distance.square().sum(-1)).clamp(min=LOG_BONUS_FLOOR)


def bonus(action: Tensor, mu: Tensor, log_std: Tensor, min_std: float) -> Tensor:
    """ρ (…,) in (0, 1] of `action` (…, 4); see `log_bonus`."""
    return log_bonus(action, mu, log_std, min_std).exp()


@dataclass
class BonusSchedule:
    """w(t): linear from `start_weight` to 0 over `decay_env_steps`, and sooner once the student succeeds.

    `teacher` is the collective's own success on the task (1 until it is known): who fails teaches failing.
    `factor` is 1 minus the mean success of the last RECENT evaluations, but never rises: a student that
    solves half of its episodes keeps half of the bonus, one that solves all has none. A single lucky
    evaluation does not end the bonus.
    """

    start_weight: float
    decay_env_steps: int
    teacher: float = 1.0
    factor: float = 1.0
    recent: tuple[float, ...] = ()

    def weight(self, env_steps: int) -> float:
        """w after `env_steps` env steps of one student, in units of the scaled reward."""
        return (
            self.start_weight * self.teacher * self.factor * max(0.0, 1.0 - env_steps / self.decay_env_steps)
        )

    def record_success(self, any_step: float) -> None:
        """Record the any-step success rate of one evaluation on selection goals."""
        self.recent = (*self.recent, any_step)[-RECENT:]
        self.factor = min(self.factor, 1.0 - sum(self.recent) / RECENT)
