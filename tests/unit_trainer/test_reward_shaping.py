"""The shaping bonus is a bounded, overflow-free likelihood ratio, and its weight only falls."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Independent, Normal

from collectiverun_trainer.sac.squashing import PRE_SQUASH_LIMIT
from collectiverun_trainer.students.shaping import BonusSchedule, bonus, log_bonus

MIN_STD = 1e-2


def test_bonus_is_the_density_over_its_peak() -> None:
    generator = torch.Generator().manual_seed(0)
    mu = torch.randn(64, 4, generator=generator)
    log_std = torch.rand(64, 4, generator=generator) * 2 - 2
    u = mu + log_std.exp() * torch.randn(64, 4, generator=generator)
    u = u.clamp(-PRE_SQUASH_LIMIT, PRE_SQUASH_LIMIT)
    mu = mu.clamp(-PRE_SQUASH_LIMIT, PRE_SQUASH_LIMIT)
    density = Independent(Normal(mu, log_std.exp()), 1)
    expected = density.log_prob(u) - density.log_prob(mu)
    torch.testing.assert_close(log_bonus(torch.tanh(u), mu, log_std, MIN_STD), expected, rtol=1e-3, atol=1e-3)


def test_bonus_is_one_at_the_mean_even_where_tanh_is_flat() -> None:
    mu = torch.tensor([[0.0, 0.5, -12.0, 40.0]])
    assert math.isclose(
        bonus(torch.tanh(mu), mu, torch.full((1, 4), -4.0), MIN_STD).item(), 1.0, abs_tol=1e-5
    )


def test_a_surer_collective_does_not_make_the_bonus_narrower_than_its_floor() -> None:
    action, mu = torch.tensor([[0.3, 0.0, -0.2, 0.1]]), torch.zeros(1, 4)
    sure, at_floor = torch.full((1, 4), -4.0), torch.zeros(1, 4)
    assert bonus(action, mu, sure, 1.0) == bonus(action, mu, at_floor, 1.0)
    assert bonus(action, mu, sure, 1.0) > 0.9 > bonus(action, mu, sure, MIN_STD)


@given(
    action=st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4),
    mu=st.lists(st.floats(-1e30, 1e30), min_size=4, max_size=4),
    log_std=st.lists(st.floats(-1e30, 1e30), min_size=4, max_size=4),
)
def test_bonus_stays_within_zero_and_one(action: list[float], mu: list[float], log_std: list[float]) -> None:
    rho = bonus(torch.tensor(action), torch.tensor(mu), torch.tensor(log_std), MIN_STD).item()
    assert 0.0 < rho <= 1.0


@given(
    steps=st.lists(st.integers(0, 50_000), min_size=2, max_size=20),
    success=st.lists(st.floats(0, 1), max_size=5),
)
def test_weight_only_falls_and_ends_at_zero(steps: list[int], success: list[float]) -> None:
    schedule = BonusSchedule(start_weight=0.5, decay_env_steps=20_000)
    weights = []
    for index, env_steps in enumerate(sorted(steps)):
        weights.append(schedule.weight(env_steps))
        if index < len(success):
            schedule.record_success(success[index])
    assert weights == sorted(weights, reverse=True)
    assert schedule.weight(20_000) == 0.0


@given(teacher=st.floats(0, 1), env_steps=st.integers(0, 2000))
def test_weight_is_in_proportion_to_the_collectives_own_success(teacher: float, env_steps: int) -> None:
    full, taught = BonusSchedule(0.5, 1000), BonusSchedule(0.5, 1000, teacher=teacher)
    assert math.isclose(taught.weight(env_steps), teacher * full.weight(env_steps), abs_tol=1e-12)


def test_lasting_success_ends_the_bonus_and_a_lucky_evaluation_does_not() -> None:
    schedule = BonusSchedule(start_weight=0.6, decay_env_steps=1000)
    assert math.isclose(schedule.weight(500), 0.3)
    for success, left in ((1.0, 2 / 3), (0.0, 2 / 3), (0.5, 1 / 2), (1.0, 1 / 2), (1.0, 1 / 6), (1.0, 0.0)):
        schedule.record_success(success)
        assert math.isclose(schedule.weight(500), 0.3 * left, abs_tol=1e-12)
    schedule.record_success(0.0)
    assert schedule.weight(0) < 1e-12
