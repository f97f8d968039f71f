"""Quick environments are Meta-World's own, bit for bit; an episode depends on its goal and actions alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from unit_trainer.stock_meta_world import stock_environment

from collectiverun_trainer.config import TASK_NAMES, Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment, scripted_action
from collectiverun_trainer.environments.goals import goal_vectors

STEPS = 100
STRETCH = 20  # env steps of scripted actions, then as many of random ones, and so on

Vector = npt.NDArray[np.float64]


def action(task: Task, obs: Vector, step: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    if step // STRETCH % 2 == 0:
        return scripted_action(task, obs)
    return generator.uniform(-1, 1, 4).astype(np.float32)


@pytest.mark.parametrize("name", TASK_NAMES)
def test_every_step_equals_stock_meta_world(name: str) -> None:
    task, generator = Task(env=name), np.random.default_rng(0)
    fast = make_environment(task)
    for goal in goal_vectors(Task(env=name), 0, 50)[[3, 31]]:  # the second on an instance with a past
        stock = stock_environment(name, goal)
        obs = stock.reset()[0]
        np.testing.assert_array_equal(begin_episode(fast, goal), obs)
        for step in range(STEPS):
            act = action(task, obs, step, generator)
            obs, reward, _, _, info = stock.step(act)
            fast_obs, fast_reward, _, _, fast_info = fast.step(act)
            np.testing.assert_array_equal(fast_obs, obs)
            assert fast_reward == reward
            assert fast_info == info


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_past_and_the_neighbours_leave_no_trace(name: str) -> None:
    task = Task(env=name)
    goals = goal_vectors(Task(env=name), 0, 50)
    actions = np.random.default_rng(1).uniform(-1, 1, (40, 4)).astype(np.float32)
    first, neighbour = make_environment(task), make_environment(task)
    alone = [begin_episode(first, goals[0])] + [first.step(act)[0] for act in actions]

    begin_episode(first, goals[1])
    for act in actions[::-1]:
        first.step(act)
    begin_episode(neighbour, goals[2])
    in_company = [begin_episode(first, goals[0])]
    for act in actions:  # both share one MuJoCo model and take turns
        in_company.append(first.step(act)[0])
        neighbour.step(act)

    np.testing.assert_array_equal(np.stack(in_company), np.stack(alone))
