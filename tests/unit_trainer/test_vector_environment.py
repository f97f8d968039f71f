"""Environments side by side: rows, repeats, frozen rows, time limits that are the caller's."""

from __future__ import annotations

import numpy as np
import pytest

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment, scripted_action
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.observation import OBS_SIZE
from collectiverun_trainer.environments.vector import VectorEnvironment

REACH, DRAWER = Task(env="reach-v3"), Task(env="drawer-close-v3")
SETTINGS = EnvironmentSettings(horizon_env_steps=200, action_repeat=2)


def actions(environment: VectorEnvironment, steps: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (steps, len(environment), 4)).astype(np.float32)


def test_rows_lie_task_by_task_with_their_goals() -> None:
    environment = VectorEnvironment([REACH, DRAWER], SETTINGS, copies=3)
    obs = environment.reset([0, 1, 2, 2, 1, 0])
    assert obs.shape == (6, OBS_SIZE)
    assert obs.dtype == np.float32
    np.testing.assert_array_equal(environment.task_index, [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(obs[:3, 36:], goal_vectors(Task(env="reach-v3"), 0, 50)[:3, 3:], rtol=1e-6)
    alone = VectorEnvironment([DRAWER], SETTINGS).reset([2])
    np.testing.assert_array_equal(obs[3], alone[0])


def test_a_decision_repeats_its_action_and_averages_the_reward() -> None:
    environment = VectorEnvironment([DRAWER], EnvironmentSettings(horizon_env_steps=300, action_repeat=3))
    single = make_environment(DRAWER)
    environment.reset([4])
    obs = begin_episode(single, goal_vectors(Task(env="drawer-close-v3"), 0, 50)[4])
    seen = []
    for _ in range(60):
        action = scripted_action(DRAWER, obs)
        outcomes = [single.step(action) for _ in range(3)]
        obs, successes = outcomes[-1][0], [outcome[4]["success"] > 0 for outcome in outcomes]
        step = environment.step(action[None])
        np.testing.assert_array_equal(step.obs[0], obs.astype(np.float32))
        assert step.reward[0] == pytest.approx(np.mean([outcome[1] for outcome in outcomes]), rel=1e-6)
        assert step.success_any[0] == any(successes)
        assert step.success_end[0] == successes[-1]
        seen += successes
    assert True in seen and False in seen


def test_frozen_rows_stand_still_and_go_on_later() -> None:
    environment = VectorEnvironment([REACH], SETTINGS, copies=2)
    obs = environment.reset([0, 1])
    for action in actions(environment, 5):
        step = environment.step(action, active=np.array([True, False]))
        np.testing.assert_array_equal(step.obs[1], obs[1])
        assert not (step.reward[1] or step.success_any[1] or step.success_end[1])
        assert not np.array_equal(step.obs[0], obs[0])
    last = actions(environment, 1, seed=1)[0]
    moved = environment.step(last).obs[1]
    fresh = VectorEnvironment([REACH], SETTINGS)
    fresh.reset([1])
    np.testing.assert_array_equal(moved, fresh.step(last[1:]).obs[0])


def test_resetting_some_rows_leaves_the_others_where_they_are() -> None:
    environment = VectorEnvironment([REACH], SETTINGS, copies=2)
    start = environment.reset([0, 1])
    before = environment.step(actions(environment, 1)[0]).obs
    after = environment.reset([0, 1], active=np.array([False, True]))
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[1], start[1])


def test_no_time_limit_but_the_callers() -> None:
    environment = VectorEnvironment([REACH], EnvironmentSettings(horizon_env_steps=500, action_repeat=10))
    environment.reset([0])
    steps = [environment.step(action) for action in actions(environment, 60)]  # 600 env steps
    assert all(step.reward[0] > 0 for step in steps)


def test_returned_observations_are_the_callers_own() -> None:
    environment = VectorEnvironment([REACH], SETTINGS)
    obs = environment.reset([0])
    kept = obs.copy()
    environment.step(actions(environment, 1)[0])
    np.testing.assert_array_equal(obs, kept)


@pytest.mark.parametrize("goals", [[0], [0, 50], [0, -1]])
def test_wrong_goals_are_refused(goals: list[int]) -> None:
    environment = VectorEnvironment([REACH], SETTINGS, copies=2)
    with pytest.raises(ValueError, match="goals must be 2 numbers from 0 to 49"):
        environment.reset(goals)


@pytest.mark.parametrize("action", [np.zeros((2, 4)), np.zeros((1, 3)), np.full((1, 4), np.nan)])
def test_wrong_actions_are_refused(action: np.ndarray) -> None:
    environment = VectorEnvironment([REACH], SETTINGS)
    environment.reset([0])
    with pytest.raises(ValueError, match="actions must be finite and of shape"):
        environment.step(action)
