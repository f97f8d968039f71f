"""Who acts when: shares are kept, noise takes turns, some episodes of every source are held out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collectiverun_trainer.config import EnvironmentSettings, OnlineDistillationParams
from collectiverun_trainer.distillation.schedule import Schedule

SCHEDULES = st.builds(
    Schedule,
    rounds=st.integers(1, 60),
    copies=st.integers(1, 9),
    random_share=st.floats(0.0, 0.5),
    collective_share=st.floats(0.0, 0.5),
)


def test_budget_is_rounded_up_to_whole_rounds_and_shares_follow_each_other() -> None:
    params = OnlineDistillationParams(env_steps_per_task=9500, environments_per_task=5)
    schedule = Schedule.of(params, EnvironmentSettings(horizon_env_steps=200))
    assert schedule.rounds == 10
    sources = [schedule.source(index) for index in range(10)]
    assert sources == ["random"] + ["collective"] * 6 + ["expert"] * 3


@given(SCHEDULES)
def test_sources_never_go_back(schedule: Schedule) -> None:
    order = ["random", "collective", "expert"]
    places = [order.index(schedule.source(index)) for index in range(schedule.rounds)]
    assert places == sorted(places)
    expected = schedule.random_share * schedule.rounds
    assert abs(places.count(0) - expected) <= 1


@given(SCHEDULES)
def test_every_source_with_two_episodes_is_in_both_parts(schedule: Schedule) -> None:
    held_out = schedule.held_out()
    sources = np.array([schedule.source(index) for index in range(schedule.rounds)])
    for source in set(sources.tolist()):
        of_source = held_out[sources == source]
        assert not of_source.all()
        assert of_source.any() == (of_source.size > 1)
        assert of_source.sum() <= max(1, round(0.2 * of_source.size))


def test_each_copy_plays_with_every_noise_and_the_means_are_always_played() -> None:
    schedule = Schedule(rounds=10, copies=5, random_share=0.0, collective_share=1.0)
    noise = np.stack([schedule.noise(index) for index in range(5)])
    expected = np.linspace(0.0, 1.0, 5)
    for row in (*noise, *noise.T):
        np.testing.assert_allclose(np.sort(row), expected)


def test_a_single_copy_alternates_between_mean_and_sample() -> None:
    schedule = Schedule(rounds=4, copies=1, random_share=0.0, collective_share=1.0)
    assert [schedule.noise(index).item() for index in range(4)] == [0.0, 1.0, 0.0, 1.0]
