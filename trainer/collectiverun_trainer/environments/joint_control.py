"""What moves an arm's joints so that its hand goes where it is commanded, once per env step.

The joints' targets are those of `joint_targets.py`, at most as far ahead of the joints as they are at the
joints' greatest speed: the servos are then behind by exactly that (`LAG_SECONDS`), so no joint is asked to be
faster. Targets begin at the angles that the joints have, so they do not run ahead of an arm that is held.
"""

from __future__ import annotations

from typing import Any, Final

import mujoco
import numpy as np

from collectiverun_trainer.environments.joint_targets import Vector, joint_targets
from collectiverun_trainer.environments.robots.kinematics import HAND_QUATERNION, ArmKinematics
from collectiverun_trainer.environments.robots.servos import GRIPPER_ACTUATORS, LAG_SECONDS

_QUATERNION: Final = np.array(HAND_QUATERNION)
LEASH_METRES: Final = 0.1
"""A command is at most so far from the hand, and waits for it there.

At the fastest that actions command (1 cm along each axis in 12.5 ms) a servo's lag leaves the hand 55 mm
behind, so the leash is felt by arms that are too slow, stretched out or blocked. Without it their commands
would run ahead to the border of the workspace, and have to come all the way back before the hand turns
around.
"""


class JointControl:
    """The control of one model's arm, for all environments that share the model; remembers no step."""

    def __init__(self, model: Any) -> None:
        """Of a `mujoco.MjModel` of `servos.py`, with motors in the arm's joints."""
        self.model = model
        joints = model.actuator_trnid[GRIPPER_ACTUATORS:, 0]
        self._first = int(model.jnt_dofadr[joints[0]])
        # Of qpos and of dofs alike: only hinges come before.
        self._arm = slice(self._first, self._first + len(joints))
        limited = model.jnt_limited[joints].astype(bool)[:, None]
        self._ranges: Vector = np.where(limited, model.jnt_range[joints], [-np.inf, np.inf]).T.copy()
        self._ahead: Vector = model.actuator_user[GRIPPER_ACTUATORS:, 0] * LAG_SECONDS
        self._home: Vector = model.qpos0[self._arm].copy()
        self._hand = model.body("hand").id
        self._starts: dict[bytes, Vector] = {}
        # Written in each step; views that are made for it would take longer than what MuJoCo does with them.
        self._jacobian, self._error, self._turn = np.zeros((6, model.nv)), np.zeros(6), np.zeros(3)
        self._along, self._about = self._jacobian[:3], self._jacobian[3:]
        self._missed_place, self._missed_turn = self._error[:3], self._error[3:]

    def follow(self, data: Any) -> None:
        """Set the joints' targets so that the hand goes to the mocap body, once that is on its leash."""
        hand, quaternion, command = data.xpos[self._hand], data.xquat[self._hand], data.mocap_pos[0]
        away = np.subtract(command, hand, out=self._missed_place)
        distance = float(np.sqrt(away.dot(away)))
        if distance > LEASH_METRES:
            away *= LEASH_METRES / distance
            command[:] = hand + away
        mujoco.mju_subQuat(self._turn, _QUATERNION, quaternion)
        mujoco.mju_rotVecQuat(self._missed_turn, self._turn, quaternion)
        mujoco.mj_jacBody(self.model, data, self._along, self._about, self._hand)
        joint_targets(
            self._jacobian, self._first, self._error, data.qpos[self._arm], self._home, self._ranges,
            self._ahead, data.ctrl[GRIPPER_ACTUATORS:],
        )  # fmt: skip

    def stand(self, data: Any, position: Vector) -> None:
        """Put the arm where its hand is at a position (3,) in metres, or nearest to it, and hold it there."""
        key = position.tobytes()
        if key not in self._starts:
            self._starts[key] = ArmKinematics(self.model).solve(position).angles
        data.qpos[self._arm] = data.ctrl[GRIPPER_ACTUATORS:] = self._starts[key]
