"""What an arm can do in a composed model: joint angles for a place of the hand, and how far links are apart.

Inverse kinematics is scipy's bounded least squares on MuJoCo's Jacobian; the bounds are the joints' limits.
Its method is dogbox, which takes a millisecond: trf crawls where an arm has more joints than it needs. (mink,
made for this, asks since 1.0 for a newer MuJoCo than Meta-World works with.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import mujoco
import numpy as np
import numpy.typing as npt

from collectiverun_trainer.environments.robots.composing import PREFIX

Vector = npt.NDArray[np.float64]

_SAWYERS: Final = "right_j"  # what the names of Sawyer's joints begin with
HAND_HOME_METRES: Final = (0.0, 0.5, 0.4)  # over the table, out of the way of what stands on it
HAND_QUATERNION: Final = (0.5**0.5, 0.0, 0.5**0.5, 0.0)  # fingers down, at which every task holds the hand
METRES_PER_RADIAN: Final = 0.2  # what an error of orientation weighs beside one of position
_FREE_RADIANS: Final = 2 * np.pi  # as far as a joint without limits is let go
# Links so near in the chain touch by how they are built.
_LINKS_BETWEEN: Final = 2
_FAR_METRES: Final = 1.0


@dataclass(frozen=True)
class Posture:
    """Joint angles (radians) and what they miss: metres of position, radians of orientation."""

    angles: Vector
    position_error: float
    rotation_error: float

    def reaches(self, metres: float = 0.005, radians: float = 0.035) -> bool:
        """Whether the hand is where it was wanted: to 5 mm and 2 degrees."""
        return self.position_error <= metres and self.rotation_error <= radians


def arm_joints(model: Any) -> list[int]:
    """Rows of the arm's joints in a composed model, or in Meta-World's own, from the base on."""
    names = [model.joint(j).name for j in range(model.njnt)]
    return [
        j
        for j, name in enumerate(names)
        if name.startswith((PREFIX, _SAWYERS)) and not name.startswith(f"{PREFIX}inert")
    ]


class ArmKinematics:
    """An arm of a composed model, moved without dynamics."""

    def __init__(self, model: Any) -> None:
        self.model, self.data = model, mujoco.MjData(model)
        joints = arm_joints(model)
        self._qpos, self._dofs = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        limited = model.jnt_limited[joints].astype(bool)
        self.low = np.where(limited, model.jnt_range[joints, 0], -_FREE_RADIANS)
        self.high = np.where(limited, model.jnt_range[joints, 1], _FREE_RADIANS)
        self.home: Vector = model.qpos0[self._qpos].copy()
        self._hand = model.body("hand").id

    def move(self, angles: Vector) -> None:
        """Put the joints to these angles (radians)."""
        self.data.qpos[self._qpos] = angles
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)

    def error(self, angles: Vector, position: Vector) -> Vector:
        """Position and weighted orientation (6,), in metres, by which the hand misses its place."""
        self.move(angles)
        turned = np.zeros(3)
        mujoco.mju_subQuat(turned, self.data.xquat[self._hand], np.array(HAND_QUATERNION))
        world = np.zeros(3)
        mujoco.mju_rotVecQuat(world, turned, np.array(HAND_QUATERNION))
        return np.concatenate((self.data.xpos[self._hand] - position, METRES_PER_RADIAN * world))

    def solve(self, position: Vector, start: Vector | None = None, tries: int = 8) -> Posture:
        """The best posture found with the fingers down at a position (3,), within the joints' limits.

        The first try begins at `start` (home if None), others at random; the same ones each time.
        """
        from scipy.optimize import least_squares  # imported late: phases without an own arm never solve

        generator = np.random.default_rng(0)
        low, high = self.low, self.high
        first, best = self.home if start is None else start, None
        for _ in range(tries):
            found = least_squares(
                self.error, np.clip(first, low + 1e-9, high - 1e-9), self._jacobian, (low, high),
                method="dogbox", args=(position,), xtol=1e-10, ftol=1e-10, max_nfev=80,
            )  # fmt: skip
            posture = self.posture(found.x, position)
            if best is None or _miss(posture) < _miss(best):
                best = posture
            if best.reaches():
                break
            first = generator.uniform(low, high)
        assert best is not None
        return best

    def hand_position(self, angles: Vector) -> Vector:
        """Where the hand is (3,), in metres."""
        self.move(angles)
        position: Vector = self.data.xpos[self._hand].copy()
        return position

    def posture(self, angles: Vector, position: Vector) -> Posture:
        """What these angles miss of a position (3,) with the fingers down."""
        error = self.error(angles, position)
        return Posture(
            angles, float(np.linalg.norm(error[:3])), float(np.linalg.norm(error[3:]) / METRES_PER_RADIAN)
        )

    def _jacobian(self, angles: Vector, position: Vector) -> Vector:
        self.move(angles)
        jacobian = np.zeros((6, self.model.nv))
        mujoco.mj_jacBody(self.model, self.data, jacobian[:3], jacobian[3:], self._hand)
        jacobian[3:] *= METRES_PER_RADIAN
        chosen: Vector = jacobian[:, self._dofs]
        return chosen

    def deepest_contact(self, angles: Vector) -> tuple[float, str, str]:
        """Least distance of two of the arm's links in metres, negative if they overlap, and their names.

        Links with fewer than two others between them are not looked at.
        """
        self.move(angles)
        mujoco.mj_forward(self.model, self.data)
        links = self._links()
        nearest = (_FAR_METRES, "", "")
        for i, (first, geoms) in enumerate(links):
            for second, others in links[i + _LINKS_BETWEEN + 1 :]:
                for a in geoms:
                    for b in others:
                        apart = mujoco.mj_geomDistance(self.model, self.data, a, b, nearest[0], None)
                        if apart < nearest[0]:
                            nearest = (apart, first, second)
        return nearest

    def _links(self) -> list[tuple[str, list[int]]]:
        """Name and geoms of each link in the order of the chain, the base first; the hand's are none."""
        model = self.model
        bodies = [b for b in range(model.nbody) if model.body(b).name.startswith(PREFIX)]
        bodies = [b for b in bodies if not model.body(b).name.startswith(f"{PREFIX}inert")]
        return [
            (
                model.body(b).name.removeprefix(PREFIX),
                [g for g in range(model.ngeom) if model.geom_bodyid[g] == b],
            )
            for b in bodies
        ]


def _miss(posture: Posture) -> float:
    return posture.position_error + METRES_PER_RADIAN * posture.rotation_error
