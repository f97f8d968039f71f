"""The losses that teach the collective agree with their definitions and stay finite."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.distributions.kl import kl_divergence as kl_of_torch

from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.distillation.losses import (
    SIGMA_FLOOR,
    critic_loss,
    kl_divergence,
    weighted_squared_error,
)


def gaussians(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mu = torch.randn(32, 4, generator=generator)
    return mu, torch.rand(32, 4, generator=generator) * 3 - 3


def test_kl_is_that_of_the_expert_to_the_collective() -> None:
    (expert_mu, expert_log_std), (mu, log_std) = gaussians(0), gaussians(1)
    expert = Independent(Normal(expert_mu, expert_log_std.exp()), 1)
    collective = Independent(Normal(mu, log_std.exp()), 1)
    torch.testing.assert_close(
        kl_divergence(expert_mu, expert_log_std, mu, log_std), kl_of_torch(expert, collective)
    )


def test_kl_is_zero_for_equal_gaussians_and_holds_sigma_above_its_floor() -> None:
    mu, log_std = gaussians(2)
    assert kl_divergence(mu, log_std, mu, log_std).abs().max() < 1e-5
    narrow = torch.full_like(mu, -5.0)
    at_floor = torch.full_like(mu, math.log(SIGMA_FLOOR))
    torch.testing.assert_close(
        kl_divergence(mu, narrow, mu + 0.1, narrow), kl_divergence(mu, at_floor, mu + 0.1, at_floor)
    )


@pytest.mark.parametrize("loss", [kl_divergence, weighted_squared_error])
def test_means_beyond_what_tanh_can_show_are_one_action(loss: object) -> None:
    mu, log_std = gaussians(3)
    far, farther = torch.full_like(mu, 10.0), torch.full_like(mu, 40.0)
    assert callable(loss)
    torch.testing.assert_close(loss(far, log_std, mu, log_std), loss(farther, log_std, mu, log_std))


def test_squared_error_counts_a_narrow_expert_spread_less() -> None:
    mu = torch.zeros(1, 4)
    wide = weighted_squared_error(mu, torch.full((1, 4), -1.0), mu, torch.full((1, 4), 0.0))
    narrow = weighted_squared_error(mu, torch.full((1, 4), -4.0), mu, torch.full((1, 4), -3.0))
    assert wide.item() == pytest.approx(0.2)
    assert narrow.item() == pytest.approx(0.1)


def test_q_scale_makes_every_task_alike_and_a_constant_q_harmless() -> None:
    q = [torch.tensor([100.0, 300.0]), torch.tensor([-1.0, 0.0, 1.0]), torch.full((4,), 7.0)]
    scale = QScale.of(q)
    task = torch.repeat_interleave(torch.arange(3), torch.tensor([2, 3, 4]))
    normal = scale.normalise(torch.cat(q), task)
    torch.testing.assert_close(normal[:2], torch.tensor([-1.0, 1.0]))
    assert normal[2:5].std(correction=0).item() == pytest.approx(1.0)
    assert torch.equal(normal[5:], torch.zeros(4))


def test_critic_loss_adds_both_critics() -> None:
    prediction = torch.tensor([[1.0, 2.0], [3.0, 2.0]])
    assert torch.equal(critic_loss(prediction, torch.tensor([1.0, 0.0])), torch.tensor([4.0, 8.0]))
