"""Behaviour cloning: actors start as imitators of what was demonstrated."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from collectiverun_trainer.environments.observation import ACTION_SIZE
from collectiverun_trainer.sac.batch import Batch
from collectiverun_trainer.sac.networks import gaussian_head
from collectiverun_trainer.sac.optimiser import Adam
from collectiverun_trainer.sac.stack import Stack

LEARNING_RATE = 1e-3
LOG_STD = -1.7
"""Of the cloned actors before squashing: they explore closely about what was demonstrated."""


def imitate(stack: Stack, batches: Iterable[Batch]) -> None:
    """One gradient step of the actors for each batch, towards its actions; their averages become equal.

    Args:
        batches: scaled observations; all of their actions were demonstrated.
    """
    optimiser = Adam(stack.parameters["actor"], LEARNING_RATE, fused=True)
    for batch in batches:
        mu, log_std = gaussian_head(stack.actor(batch.obs))
        distance = (torch.tanh(mu) - batch.action).square() + (log_std - LOG_STD).square()
        loss = distance.view(stack.experts, -1, ACTION_SIZE).sum(-1).mean(-1).sum()
        for parameter, gradient in zip(
            optimiser.parameters, torch.autograd.grad(loss, optimiser.parameters), strict=True
        ):
            parameter.grad = gradient
        optimiser.step()
    stack.averaged_actor.load_state_dict(stack.actor.state_dict())
