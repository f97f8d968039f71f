"""Targets of an arm's joints for a command of its hand: differential inverse kinematics within the limits.

    q + J⁺ e + (1 - J⁺J) k (home - q),    J⁺ = Jᵀ (J Jᵀ + d² 1)⁻¹,

q the joints' angles, e the metres and radians by which the hand misses its command, J the Jacobian of the
hand. J⁺ is the damped least squares inverse of Nakamura and Hanafusa (1986, "Inverse kinematic solutions with
singularity robustness for robot manipulator control", J. Dyn. Sys., Meas., Control 108), as in Buss (2004,
"Introduction to inverse kinematics with Jacobian transpose, pseudoinverse and damped least squares methods"):
near a singularity joints slow down instead of running away. The last term draws home what an arm has more
joints for than it needs.

Compiled: as a dozen operations of numpy it takes half as long as the physics.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.compiling import compiled
from collectiverun_trainer.environments.robots.kinematics import METRES_PER_RADIAN

Vector = npt.NDArray[np.float64]

_ROWS: Final = 6  # of an error: metres along, and radians about, three axes
# d, in metres: joints slow down where a radian of them moves the hand by less.
_SQUARED_DAMPING: Final = 0.03**2
_HOMING: Final = 0.02  # k, of the way home in one env step


@compiled("void(f8[:,::1], f8[::1])")
def _solve(matrix: Vector, vector: Vector) -> None:
    """Make the vector (6,) the solution of (matrix + d²) x = vector by Cholesky's factors, in place.

    Of the matrix (6, 6), positive semidefinite, the lower triangle is read.
    """
    for row in range(_ROWS):
        for column in range(row + 1):
            value = matrix[row, column]
            for k in range(column):
                value -= matrix[row, k] * matrix[column, k]
            if row == column:
                matrix[row, row] = math.sqrt(value + _SQUARED_DAMPING)
            else:
                matrix[row, column] = value / matrix[column, column]
        for k in range(row):
            vector[row] -= matrix[row, k] * vector[k]
        vector[row] /= matrix[row, row]
    for row in range(_ROWS - 1, -1, -1):
        for k in range(row + 1, _ROWS):
            vector[row] -= matrix[k, row] * vector[k]
        vector[row] /= matrix[row, row]


@compiled("void(f8[:,::1], f8[::1], b1[::1], f8[::1], f8[::1], f8[::1])")
def _step(
    jacobian: Vector,
    wanted: Vector,
    free: npt.NDArray[np.bool_],
    angles: Vector,
    home: Vector,
    change: Vector,
) -> None:
    """Write the change (n,) of the free joints' angles; the others' is what it is."""
    rest, normal = wanted.copy(), np.zeros((_ROWS, _ROWS))
    for joint in range(len(angles)):
        if free[joint]:
            change[joint] = _HOMING * (home[joint] - angles[joint])
        for row in range(_ROWS):
            rest[row] -= jacobian[row, joint] * change[joint]
            if free[joint]:
                for column in range(row + 1):
                    normal[row, column] += jacobian[row, joint] * jacobian[column, joint]
    _solve(normal, rest)
    for joint in range(len(angles)):
        if free[joint]:
            for row in range(_ROWS):
                change[joint] += jacobian[row, joint] * rest[row]


@compiled("void(f8[:,::1], i8, f8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], f8[::1])")
def joint_targets(
    whole: Vector, first: int, error: Vector, angles: Vector, home: Vector, ranges: Vector, ahead: Vector,
    targets: Vector,
) -> None:  # fmt: skip
    """Write the targets (n,), in radians.

    A joint that would leave its range stays at its end, and the others are asked again for what is missing
    (Buss's clamping). If a joint's target were farther ahead of it than `ahead`, all come nearer in
    proportion, and the hand keeps its direction.

    Args:
        whole: Jacobian (6, nv) of the hand: metres, then radians, a radian.
        first: column of the arm's first joint.
        error: what the hand misses (6,): metres, then radians.
        angles: of the joints (n,), in radians; so are `home`, `ahead` and the rows of `ranges` (2, n).
    """
    count = len(angles)
    jacobian, wanted = np.empty((_ROWS, count)), np.empty(_ROWS)
    for row in range(_ROWS):
        weight = 1.0 if row < _ROWS // 2 else METRES_PER_RADIAN
        wanted[row] = weight * error[row]
        for joint in range(count):
            jacobian[row, joint] = weight * whole[row, first + joint]
    free, change = np.ones(count, dtype=np.bool_), np.empty(count)
    clamped = True
    while clamped:
        _step(jacobian, wanted, free, angles, home, change)
        clamped = False
        for joint in range(count):
            target = min(max(angles[joint] + change[joint], ranges[0, joint]), ranges[1, joint])
            if free[joint] and target != angles[joint] + change[joint]:
                change[joint] = target - angles[joint]
                free[joint], clamped = False, True
    slowing = 1.0
    for joint in range(count):
        slowing = max(slowing, abs(change[joint]) / ahead[joint])
    for joint in range(count):
        targets[joint] = angles[joint] + change[joint] / slowing
