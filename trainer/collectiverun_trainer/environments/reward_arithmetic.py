"""Fast versions of two functions that Meta-World's rewards use, equal to the last bit.

`tolerance` replaces `metaworld.utils.reward_utils.tolerance`, which treats a single number as an array;
`Rotation` replaces scipy's, which costs more for one matrix than the physics of a step. This module must
never import anything of this project: it is arithmetic only.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from metaworld.utils import reward_utils


def tolerance(
    x: Any,
    bounds: tuple[float, float] = (0.0, 0.0),
    margin: float = 0.0,
    sigmoid: str = "gaussian",
    value_at_margin: float = 0.1,
) -> Any:
    """`metaworld.utils.reward_utils.tolerance`, fast for one number and the two sigmoids in use."""
    if sigmoid not in _SIGMOIDS or not isinstance(x, float):
        return reward_utils.tolerance(x, bounds, margin, sigmoid, value_at_margin)
    lower, upper = bounds
    if lower > upper or margin < 0:
        raise ValueError(f"tolerance needs lower <= upper and margin >= 0, got {bounds!r} and {margin!r}")
    if lower <= x <= upper:
        return 1.0
    if margin == 0:
        return 0.0
    distance = float((lower - x if x < lower else x - upper) / margin)
    return _SIGMOIDS[sigmoid](distance, value_at_margin)


@cache
def _long_tail_scale(value_at_margin: float) -> float:
    return float(np.sqrt(1 / value_at_margin - 1))


@cache
def _gaussian_scale(value_at_margin: float) -> float:
    return float(np.sqrt(-2 * np.log(value_at_margin)))


def _long_tail(distance: float, value_at_margin: float) -> float:
    return 1 / ((distance * _long_tail_scale(value_at_margin)) ** 2 + 1)


def _gaussian(distance: float, value_at_margin: float) -> float:
    # numpy's exp, not math's: their last bits may differ
    return float(np.exp(-0.5 * (distance * _gaussian_scale(value_at_margin)) ** 2))


_SIGMOIDS = {"long_tail": _long_tail, "gaussian": _gaussian}


class Quaternion:
    """What `Rotation.from_matrix` returns, as far as Meta-World uses it."""

    def __init__(self, quaternion: npt.NDArray[np.float64]) -> None:
        self.quaternion = quaternion

    def as_quat(self) -> npt.NDArray[np.float64]:
        return self.quaternion


class Rotation:
    """`scipy.spatial.transform.Rotation` for one rotation matrix of MuJoCo's, which is always orthogonal."""

    @staticmethod
    def from_matrix(matrix: npt.NDArray[np.float64]) -> Quaternion:
        """Markley's method (doi:10.2514/1.31730) in scipy's order of operations, so that bits agree."""
        (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
        trace = a + e + i
        largest = max(a, e, i, trace)
        if a == largest:
            q = (1 - trace + 2 * a, d + b, g + c, h - f)
        elif e == largest:
            q = (b + d, 1 - trace + 2 * e, h + f, c - g)
        elif i == largest:
            q = (c + g, f + h, 1 - trace + 2 * i, d - b)
        else:
            q = (h - f, c - g, d - b, 1 + trace)
        norm = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        return Quaternion(np.array([q[0] / norm, q[1] / norm, q[2] / norm, q[3] / norm]))
