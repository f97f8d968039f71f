"""The layout of an observation, its compressed form and its fixed scaling.

A Meta-World v3 observation has 39 numbers: hand position 0:3 (metres), gripper opening 3 (0..1), two objects
of position and quaternion 4:18 (zeros where a task has one object only), the same 18 numbers one env step
before 18:36, and the goal 36:39 (metres).

torch is imported late, by what works on tensors: the layout alone is asked for by light commands, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

OBS_SIZE = 39
ACTION_SIZE = 4
FRAME_SIZE = 18  # hand, gripper and objects at one env step
COMPRESSED_SIZE = 21
GOAL_START = 36

# Centre and spread of the workspace; one scaling for all tasks, so that no statistic reveals the task.
_FRAME_MEAN = (0.0, 0.6, 0.15, 0.5) + (0.0, 0.6, 0.1, 0.0, 0.0, 0.0, 0.0) * 2
_FRAME_SPREAD = (0.15, 0.15, 0.1, 0.5) + (0.15, 0.15, 0.1, 1.0, 1.0, 1.0, 1.0) * 2
OBS_MEAN = (*_FRAME_MEAN, *_FRAME_MEAN, 0.0, 0.8, 0.15)
OBS_SPREAD = (*_FRAME_SPREAD, *_FRAME_SPREAD, 0.15, 0.15, 0.1)

_SCALING: dict[tuple[torch.device, torch.dtype], tuple[torch.Tensor, torch.Tensor]] = {}


@overload
def compress(obs: torch.Tensor) -> torch.Tensor: ...
@overload
def compress(obs: Array) -> Array: ...
def compress(obs: torch.Tensor | Array) -> torch.Tensor | Array:
    """Drop the previous env step's frame: (…, 39) to (…, 21), the trajectory transformer's input."""
    if isinstance(obs, np.ndarray):
        return np.concatenate((obs[..., :FRAME_SIZE], obs[..., GOAL_START:]), axis=-1)
    import torch

    return torch.cat((obs[..., :FRAME_SIZE], obs[..., GOAL_START:]), dim=-1)


def scale_obs(obs: torch.Tensor) -> torch.Tensor:
    """(obs - OBS_MEAN) / OBS_SPREAD of raw observations (…, 39), the same for every task."""
    key = (obs.device, obs.dtype)
    if key not in _SCALING:
        import torch

        mean = torch.tensor(OBS_MEAN, device=obs.device, dtype=obs.dtype)
        spread = torch.tensor(OBS_SPREAD, device=obs.device, dtype=obs.dtype)
        _SCALING[key] = (mean, 1.0 / spread)
    mean, inverse_spread = _SCALING[key]
    return (obs - mean) * inverse_spread
