"""Making one environment of a task, and beginning its episodes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.config import Control, Task
from collectiverun_trainer.environments.fast_classes import fast_environment_class
from collectiverun_trainer.environments.fast_stepping import FastEnvironment


def make_environment(task: Task, model: str | None = None, control: Control = "hand") -> FastEnvironment:
    """One environment of the task: goal observable, reward version 2; start with `begin_episode`.

    Args:
        task: an environment and a robot.
        model: digest of the robot's model, where it is none that is built in.
        control: what takes the hand to where an action commands it, `EnvironmentParams.control`.

    Raises:
        InvalidConfiguration: the task's robot is not built, or its model can't be used.
    """
    env = fast_environment_class(task, model, control)()
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
