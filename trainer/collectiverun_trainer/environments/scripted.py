"""What a task's scripted policy would do. Light: metaworld is only imported when a script is asked."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.robots import robot


@cache
def _scripted_policy(task: Task) -> Any:
    return robot(task.robot).scripted_policy(task.env)


def scripted_action(task: Task, obs: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Action (4,) in [-1, 1] of the scripted policy for an observation (39,).

    Raises:
        InvalidConfiguration: the task's robot is not built.
    """
    # A copy: the scripts of door-open and door-close (Meta-World 3.1.1) move positions in what they get.
    action = _scripted_policy(task).get_action(np.array(obs, dtype=np.float64))
    clipped: npt.NDArray[np.float32] = np.clip(action, -1.0, 1.0).astype(np.float32)
    return clipped
