"""Observations and actions as Gymnasium's spaces, for programs that ask for them."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box

from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE


def observation_space() -> Box:
    """39 numbers without bounds: Meta-World's own depend on the goal, and its objects may leave them."""
    return Box(-np.inf, np.inf, (OBS_SIZE,), np.float32)


def action_space() -> Box:
    """4 numbers from -1 to 1."""
    return Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)
