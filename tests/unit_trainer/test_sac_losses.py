"""The losses against PyTorch's distributions and hand-written arithmetic."""

from __future__ import annotations

import torch
from torch.distributions import Independent, Normal, TanhTransform, TransformedDistribution

from collectiverun_trainer.sac import losses


def test_log_density_is_that_of_a_squashed_gaussian() -> None:
    generator = torch.Generator().manual_seed(0)
    mu, log_std, noise = torch.randn(3, 2, 5, 4, generator=generator, dtype=torch.float64)
    action, log_prob = losses.squash(mu, log_std, noise)
    squashed = TransformedDistribution(Normal(mu, log_std.exp()), [TanhTransform(cache_size=1)])
    inside = action.abs().amax(-1) < 0.99
    expected = Independent(squashed, 1).log_prob(action)
    assert inside.any()
    torch.testing.assert_close(log_prob[inside], expected[inside], rtol=1e-3, atol=1e-3)


def test_saturated_actions_keep_finite_bounded_densities_and_gradients() -> None:
    mu = torch.tensor([[80.0, -80.0, 9.0, 0.0]], requires_grad=True)
    _, log_prob = losses.squash(mu, torch.full((1, 4), -5.0), torch.zeros(1, 4))
    assert log_prob.item() < 4 * 25.0
    (gradient,) = torch.autograd.grad(log_prob.sum(), mu)
    assert gradient.isfinite().all()


def test_targets_bootstrap_from_the_smaller_critic_and_never_end() -> None:
    reward, log_prob = torch.tensor([[1.0, 2.0]]), torch.tensor([[-1.0, 3.0]])
    next_values = torch.tensor([[[10.0, 20.0], [30.0, 5.0]]])
    discount = torch.tensor([[0.9, 0.5]])
    target = losses.bellman_target(reward, next_values, log_prob, torch.tensor([[0.1]]), discount)
    torch.testing.assert_close(target, torch.tensor([[1 + 0.9 * (10 + 0.1), 2 + 0.5 * (5 - 0.3)]]))


def test_critic_loss_is_the_sum_of_both_critics_mean_squares() -> None:
    values, target = torch.tensor([[[1.0, 3.0], [0.0, 0.0]]]), torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(losses.critic_loss(values, target), torch.tensor([(1 + 4) / 2 + (0 + 1) / 2]))


def test_actor_loss_weighs_entropy_by_temperature() -> None:
    values, log_prob = torch.tensor([[[1.0, 3.0], [2.0, 0.0]]]), torch.tensor([[0.5, 1.5]])
    loss = losses.actor_loss(values, log_prob, torch.tensor([[2.0]]))
    torch.testing.assert_close(loss, torch.tensor([(2 * 0.5 - 1 + 2 * 1.5 - 0) / 2]))


def test_temperature_rises_when_entropy_is_too_low_and_falls_when_too_high() -> None:
    for log_prob, direction in ((10.0, 1.0), (-10.0, -1.0)):
        log_temperature = torch.zeros(1, 1, requires_grad=True)
        loss = losses.temperature_loss(log_temperature, torch.full((1, 8), log_prob), target_entropy=-4.0)
        (gradient,) = torch.autograd.grad(loss.sum(), log_temperature)
        assert -gradient.item() * direction > 0
