"""Meta-World as it comes, to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from metaworld.env_dict import ALL_V3_ENVIRONMENTS


def stock_environment(name: str, goal: npt.NDArray[np.float64]) -> Any:
    """Meta-World's own environment as MT1 would set it up for a goal."""
    env = ALL_V3_ENVIRONMENTS[name]()
    env._set_task_called = True
    env._last_rand_vec = goal.copy()
    env._partially_observable = False
    del env.sawyer_observation_space
    return env
