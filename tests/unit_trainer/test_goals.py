"""Goals are the ones Meta-World's MT1 benchmark has for the seed."""

from __future__ import annotations

import metaworld
import numpy as np
import pytest
from unit_trainer.stock_meta_world import stock_environment

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.goals import goal_vectors


@pytest.mark.parametrize("name", ["reach-v3", "button-press-v3", "basketball-v3"])
def test_goals_are_those_of_mt1(name: str) -> None:
    benchmark = metaworld.MT1(name, seed=7)
    env = stock_environment(name, np.zeros(3))
    for task, goal in zip(benchmark.train_tasks, goal_vectors(Task(env=name), 7, 50), strict=True):
        env.set_task(task)
        np.testing.assert_array_equal(goal, env._last_rand_vec)


def test_goals_depend_on_task_and_seed_alone() -> None:
    few, many = goal_vectors(Task(env="push-v3"), 4, 5), goal_vectors(Task(env="push-v3"), 4, 80)
    np.testing.assert_array_equal(few, many[:5])
    assert len(np.unique(many, axis=0)) == 80
    assert not np.isin(goal_vectors(Task(env="push-v3"), 5, 50), many).all(axis=1).any()


def test_drawing_goals_leaves_numpys_global_generator_alone() -> None:
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    goal_vectors(Task(env="window-open-v3"), 123, 10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_goals_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        goal_vectors(Task(env="reach-v3"), 0, 5)[0] = 0.0
