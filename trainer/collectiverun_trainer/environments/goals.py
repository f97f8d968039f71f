"""The goals of a task: the same ones that Meta-World's MT1 benchmark draws for a seed.

`metaworld.MT1(env, seed=s)` simulates two resets per goal and pickles the result; only the random vectors
matter. They are drawn here in the same order from a separate generator, without physics: half a second
instead of several, and NumPy's global generator is not touched.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.fast_classes import fast_environment_class

Goals = npt.NDArray[np.float64]


def goal_vectors(task: Task, goal_seed: int, goals: int) -> Goals:
    """Random vectors (goals, size) of a task, read-only: object and target positions in metres.

    The first k of n goals are the k goals of the same seed. They are the same for every robot.
    """
    return _drawn(task.env, goal_seed, goals)


@cache
def _drawn(env_name: str, goal_seed: int, goals: int) -> Goals:
    env = _drawing_class(env_name)(np.random.RandomState(goal_seed))
    vectors = np.stack([env.draw() for _ in range(goals)])
    vectors.setflags(write=False)
    return vectors


@cache
def _drawing_class(env_name: str) -> type[Any]:
    """A class whose resets draw goals but simulate nothing."""
    stock = fast_environment_class(Task(env=env_name))

    class Drawing(stock):  # type: ignore[misc,valid-type]
        def __init__(self, generator: np.random.RandomState) -> None:
            # MT1 draws from numpy's global generator, which is a RandomState: the bits must be the same.
            self.generator = generator
            super().__init__()

        def draw(self) -> Goals:
            for _ in range(2):  # a reset of Meta-World resets the model twice and keeps the second goal
                self.reset_model()
            drawn: Goals = self.drawn.copy()
            return drawn

        def _reset_hand(self, steps: int = 0) -> None:
            self.init_tcp = self.tcp_center

        def _get_state_rand_vec(self) -> Goals:
            space = self._random_reset_space
            self.drawn: Goals = self.generator.uniform(space.low, space.high, size=space.low.size)
            drawn: Goals = self.drawn
            return drawn

    return Drawing
