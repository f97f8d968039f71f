"""Evaluation plays every goal once, whatever runs side by side, and counts both notions of success."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.rollouts.evaluation import evaluate
from collectiverun_trainer.rollouts.outcomes import Outcomes, wilson_interval
from collectiverun_trainer.rollouts.policy import MemorylessPolicy, PolicyPerTask, RandomPolicy
from collectiverun_trainer.rollouts.recording import record_video
from collectiverun_trainer.rollouts.scripted import ScriptedPolicy

REACH, DRAWER, HANDLE = (Task(env=f"{name}-v3") for name in ("reach", "drawer-close", "handle-press-side"))
SETTINGS = EnvironmentSettings(horizon_env_steps=200, action_repeat=2, goals=50)


class Recorder(MemorylessPolicy):
    """Moves by a fixed rule of the observation and remembers what it was shown."""

    def __init__(self) -> None:
        self.first_obs: list[Array] = []
        self.observed: list[tuple[Array, Array, Array]] = []
        self.fresh = False

    def begin(self, n: int) -> None:
        self.fresh = True

    def act(self, obs: Array) -> Array:
        if self.fresh:
            self.first_obs.append(obs.copy())
            self.fresh = False
        return np.tanh(10 * (obs[:, 36:39] - obs[:, :3])) @ np.eye(3, 4, dtype=np.float32)

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        self.observed.append((obs, action, reward))


def test_scripted_policies_succeed_and_both_notions_differ_where_they_should() -> None:
    tasks = [REACH, HANDLE]
    policies = {task: ScriptedPolicy(task) for task in tasks}
    outcomes = evaluate(policies, tasks, SETTINGS, goal_seed=0, episodes=6)
    assert outcomes[REACH].success.any_step == outcomes[REACH].success.at_end == 1.0
    # The script presses the handle and then lets it come up again.
    assert outcomes[HANDLE].success.any_step == 1.0
    assert outcomes[HANDLE].success.at_end == 0.0
    assert (outcomes[REACH].returns > 1000).all()


def test_random_actions_do_not_succeed() -> None:
    policy = RandomPolicy(np.random.default_rng(0))
    outcomes = evaluate(policy, [HANDLE], SETTINGS, goal_seed=0, episodes=5)[HANDLE]
    assert outcomes.success.any_step == 0.0
    assert outcomes.returns.shape == (5,)


def test_every_goal_is_played_once_in_order() -> None:
    recorder = Recorder()
    settings = EnvironmentSettings(horizon_env_steps=10, action_repeat=2, goals=7)
    outcomes = evaluate(recorder, [REACH, DRAWER], settings, goal_seed=5, episodes=100, copies=3)
    assert len(outcomes[REACH].at_end) == len(outcomes[DRAWER].at_end) == 7
    assert all(len(obs) == 6 for obs in recorder.first_obs)
    reach_goals = np.concatenate([obs[:3, 36:] for obs in recorder.first_obs])[:7]
    np.testing.assert_allclose(reach_goals, goal_vectors(Task(env="reach-v3"), 5, 7)[:, 3:], rtol=1e-6)
    assert len(recorder.observed) == 3 * settings.horizon


def test_outcomes_do_not_depend_on_how_many_run_side_by_side() -> None:
    runs = [
        evaluate(Recorder(), [REACH, DRAWER], SETTINGS, goal_seed=0, episodes=5, copies=copies)
        for copies in (1, 2, 5)
    ]
    for run in runs[1:]:
        for task in (REACH, DRAWER):
            np.testing.assert_array_equal(run[task].any_step, runs[0][task].any_step)
            np.testing.assert_array_equal(run[task].at_end, runs[0][task].at_end)
            np.testing.assert_array_equal(run[task].returns, runs[0][task].returns)


def test_a_policy_is_told_of_every_completed_decision() -> None:
    recorder, settings = Recorder(), EnvironmentSettings(horizon_env_steps=20, action_repeat=2)
    evaluate(recorder, [REACH], settings, goal_seed=0, episodes=1)
    environment = VectorEnvironment([REACH], settings)
    expected = environment.reset([0])
    for obs, action, reward in recorder.observed:
        np.testing.assert_array_equal(obs, expected)
        step = environment.step(action)
        np.testing.assert_array_equal(reward, step.reward)
        expected = step.obs


def test_returns_are_sums_over_env_steps() -> None:
    recorder, settings = Recorder(), EnvironmentSettings(horizon_env_steps=40, action_repeat=4)
    outcomes = evaluate(recorder, [REACH], settings, goal_seed=0, episodes=2, copies=2)[REACH]
    rewards = np.stack([reward for _, _, reward in recorder.observed])
    np.testing.assert_allclose(outcomes.returns, 4 * rewards.sum(axis=0), rtol=1e-6)


def test_rows_that_tasks_cannot_share_are_refused() -> None:
    with pytest.raises(ValueError, match="5 rows cannot be shared equally by 2 tasks"):
        PolicyPerTask([ScriptedPolicy(REACH), ScriptedPolicy(DRAWER)]).begin(5)


def test_outcomes_survive_json() -> None:
    outcomes = Outcomes(
        REACH, np.array([True, False]), np.array([False, False]), np.array([1234.5678901234567, 0.25])
    )
    read = Outcomes.from_document(json.loads(json.dumps(outcomes.to_document())))
    assert read.task == REACH
    assert read.success == outcomes.success
    np.testing.assert_array_equal(read.any_step, outcomes.any_step)
    np.testing.assert_array_equal(read.returns, outcomes.returns)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (8, 10), (50, 50), (137, 150)])
def test_wilson_interval_solves_its_quadratic(successes: int, n: int) -> None:
    z = 1.959963984540054
    for bound in wilson_interval(successes, n):
        # Wilson's bounds are the rates whose distance to the observed one is z standard errors of their own.
        assert math.isclose((bound - successes / n) ** 2, z**2 * bound * (1 - bound) / n, abs_tol=1e-12)


def test_a_video_shows_the_whole_episode() -> None:
    settings = EnvironmentSettings(horizon_env_steps=60, action_repeat=10)
    frames = record_video(ScriptedPolicy(DRAWER), DRAWER, settings, goal=0, size=96).frames
    assert frames.shape == (7, 96, 96, 3)
    assert frames.dtype == np.uint8
    assert all(np.abs(a.astype(int) - b).max() > 50 for a, b in pairwise(frames))
