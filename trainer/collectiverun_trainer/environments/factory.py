"""Making one environment of a task, and the scripted policy for it."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.fast_classes import fast_environment_class
from collectiverun_trainer.environments.fast_stepping import FastEnvironment
from collectiverun_trainer.environments.robots import robot

# Scripted policies exceed the action limits and warn each time; `scripted_action` clips them.
warnings.filterwarnings("ignore", message=r"Constant\(s\) may be too high", module=r"metaworld\.policies")


def make_environment(task: Task) -> FastEnvironment:
    """One environment of the task: goal observable, reward version 2; start with `begin_episode`.

    Raises:
        InvalidConfiguration: the task's robot is not built.
    """
    env = fast_environment_class(task)()
    env._partially_observable = False
    env.__dict__.pop("sawyer_observation_space", None)  # cached while the goal was still hidden
    env._set_task_called = True
    env._freeze_rand_vec = True
    return env


def begin_episode(env: FastEnvironment, goal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Reset to a goal vector of `goals.goal_vectors`; returns the first observation (39,)."""
    env._last_rand_vec = goal.copy()  # tasks keep views of it and write to them
    obs: npt.NDArray[np.float64] = env.reset()[0]
    return obs


@cache
def _scripted_policy(task: Task) -> Any:
    return robot(task.robot).scripted_policy(task.env)


def scripted_action(task: Task, obs: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Action (4,) in [-1, 1] of the scripted policy for an observation (39,)."""
    action = _scripted_policy(task).get_action(np.asarray(obs, dtype=np.float64))
    clipped: npt.NDArray[np.float32] = np.clip(action, -1.0, 1.0).astype(np.float32)
    return clipped
