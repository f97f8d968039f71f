"""Between an action in (-1, 1) and the number before tanh that it stands for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ACTION_LIMIT = 0.999
"""Actions closer to ±1 count as equal: tanh is flat there, and atanh would amplify noise."""

PRE_SQUASH_LIMIT = math.atanh(ACTION_LIMIT)


def pre_squash(action: Tensor) -> Tensor:
    """The u with tanh(u) = `action` (…, 4), clamped to ±PRE_SQUASH_LIMIT."""
    return torch.atanh(action.clamp(-ACTION_LIMIT, ACTION_LIMIT))
