"""The losses of soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905), one value per expert.

Shapes: E experts, B transitions, A action numbers. Every loss is the mean over B, so the sum over experts has
the gradient that each expert would have alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
SATURATION_FLOOR = 1e-6


def squash(mu: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Reparametrised sample of tanh(N(mu, exp(log_std))): action (…, A) and its log density (…)."""
    action = torch.tanh(mu + log_std.exp() * noise)
    gaussian = -0.5 * noise.square() - log_std - HALF_LOG_TWO_PI
    # The floor bounds the density of saturated actions. The exact form, 2 (log 2 - x - softplus(-2x)), grows
    # with |x| without end: where demonstrations saturate, temperature and critics then drive each other up.
    change_of_variables = torch.log(1.0 - action.square() + SATURATION_FLOOR)
    return action, (gaussian - change_of_variables).sum(-1)


def bellman_target(
    reward: Tensor, next_values: Tensor, next_log_prob: Tensor, temperature: Tensor, discount: Tensor
) -> Tensor:
    """Soft target (E, B) = r + γ (min of target critics − temperature · log π).

    Args:
        reward: (E, B), scaled.
        next_values: (E, 2, B) of the target critics at the true next observation.
        next_log_prob: (E, B).
        temperature: (E, 1).
        discount: (E, B). Meta-World never terminates, so every value bootstraps.
    """
    return reward + discount * (next_values.amin(1) - temperature * next_log_prob)


def critic_loss(values: Tensor, target: Tensor) -> Tensor:
    """Squared Bellman error of both critics: values (E, 2, B), target (E, B) -> (E,)."""
    return (values - target.unsqueeze(1)).square().mean(-1).sum(-1)


def actor_loss(values: Tensor, log_prob: Tensor, temperature: Tensor) -> Tensor:
    """temperature · log π − smaller critic: values (E, 2, B), log_prob (E, B), temperature (E, 1) -> (E,)."""
    return (temperature * log_prob - values.amin(1)).mean(-1)


def imitation_loss(action: Tensor, shown: Tensor, batch: int) -> Tensor:
    """Squared distance of the actor's mean action to those of examples: both (E, D, A) -> (E,).

    It is a sum over the D examples divided by B, the size of the batch that they are part of. Weighed by the
    critics' mean magnitude as in TD3+BC (Fujimoto and Gu 2021, arXiv:2106.06860, section 5).
    """
    return (action - shown).square().sum((-1, -2)) / batch


def temperature_loss(log_temperature: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    """Tunes the policy's entropy to its target: log_temperature (E, 1), log_prob (E, B) -> (E,)."""
    return (log_temperature.exp() * (-log_prob.detach() - target_entropy)).mean(-1)
