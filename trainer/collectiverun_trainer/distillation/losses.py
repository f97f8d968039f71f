"""Distillation losses of the collective network against its experts' labels. Pure functions of tensors.

Names: `mu` and `log_std` (…, 4) describe a diagonal Gaussian of the action before tanh; `q` is an expert's
value of (obs, action) in units of its own scaled reward.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from collectiverun_trainer.sac.squashing import PRE_SQUASH_LIMIT

SIGMA_FLOOR = 1e-2
LOG_SIGMA_FLOOR = math.log(SIGMA_FLOOR)
LOG_STD_WEIGHT = 0.2


def clamped(mu: Tensor) -> Tensor:
    """An expert's `mu`, clamped to where tanh is not flat: beyond it every mean is the same action."""
    return mu.clamp(-PRE_SQUASH_LIMIT, PRE_SQUASH_LIMIT)


def kl_divergence(expert_mu: Tensor, expert_log_std: Tensor, mu: Tensor, log_std: Tensor) -> Tensor:
    """KL(expert ‖ collective) in nats, (…,), both σ at least SIGMA_FLOOR.

    This direction makes the collective cover its experts: where it cannot predict them, it widens. tanh maps
    both Gaussians alike, so this is the divergence of the squashed actions too.
    """
    expert_log_std = expert_log_std.clamp(min=LOG_SIGMA_FLOOR)
    log_std = log_std.clamp(min=LOG_SIGMA_FLOOR)
    variance = torch.exp(2 * expert_log_std) + (clamped(expert_mu) - mu).square()
    return (log_std - expert_log_std + 0.5 * variance * torch.exp(-2 * log_std) - 0.5).sum(-1)


def weighted_squared_error(expert_mu: Tensor, expert_log_std: Tensor, mu: Tensor, log_std: Tensor) -> Tensor:
    """Squared error on mu, plus on log σ at less weight the smaller the expert's σ is, (…,)."""
    weight = LOG_STD_WEIGHT * 2 / (-expert_log_std).clamp(min=2.0)
    return ((clamped(expert_mu) - mu).square() + weight * (expert_log_std - log_std).square()).mean(-1)


def critic_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared error of both critics (rows,): `prediction` (2, rows), `target` (rows,) in normalised units."""
    return (prediction - target).square().sum(0)
