"""What a task's scripted policy would do. Light: metaworld is only imported when a script is asked."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.robots import SAWYER


@cache
def _scripted_policy(env_name: str) -> Any:
    return SAWYER.scripted_policy(env_name)  # it moves the hand, which is Meta-World's on every arm


def scripted_action(task: Task, obs: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Action (4,) in [-1, 1] of the scripted policy for an observation (39,); the same for every robot."""
    # A copy: the scripts of door-open and door-close (Meta-World 3.1.1) move positions in what they get.
    action = _scripted_policy(task.env).get_action(np.array(obs, dtype=np.float64))
    clipped: npt.NDArray[np.float32] = np.clip(action, -1.0, 1.0).astype(np.float32)
    return clipped
