"""Meta-World's environment of a robot with the same arithmetic and less Python.

Stock environments spend most of a step outside the physics: looking names up, walking over contacts,
scipy's rotations of one matrix, numpy on scalars. Here those parts are rewritten; observations, rewards
and infos stay bit-identical (tests/unit_trainer/test_fast_stepping.py compares all fifty tasks).

* Environments of one XML file and robot share one MuJoCo model. A goal changes nothing of it but body and
  site positions; each environment keeps its own and puts them in place when it takes its turn. Environments
  are therefore for one thread.
* The hand settles for 250 physics steps at each reset. The outcome depends on the goal alone, so it is
  simulated once per goal.
* Contact forces on bodies (`mj_rnePostConstraint`) are left out: nothing reads them.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import mujoco
import numpy as np
import numpy.typing as npt
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from collectiverun_trainer.environments.robots import Robot
from collectiverun_trainer.environments.robots.servos import GRIPPER_ACTUATORS
from collectiverun_trainer.environments.shared_model import SharedModel, Vector, shared_model

_WHOLE_STATE = mujoco.mjtState.mjSTATE_INTEGRATION.value


class FastEnvironment(SawyerXYZEnv):  # type: ignore[misc]  # metaworld has no types
    """Quick versions of `SawyerXYZEnv`'s methods; see the module's docstring."""

    robot: ClassVar[Robot]
    driven: ClassVar[bool] = False
    """Whether motors move the arm's joints (`joint_stepping.py`), and not the weld to the mocap body."""
    _prev_obs: Vector
    _shared: SharedModel

    def _initialize_simulation(self) -> tuple[Any, Any]:
        self._shared = shared_model(self.fullpath, self.robot, self.driven)
        self._hand_quaternion = np.array(self.robot.hand_quaternion)
        self._body_pos = self._shared.first_body_pos.copy()
        self._site_pos = self._shared.first_site_pos.copy()
        self._place()
        data = mujoco.MjData(self._shared.model)
        self._xpos: Vector = data.xpos
        self._site_xpos: Vector = data.site_xpos
        return self._shared.model, data

    def _place(self) -> None:
        """Write this environment's body and site positions to the shared model."""
        self._shared.body_pos[:] = self._body_pos
        self._shared.site_pos[:] = self._site_pos
        self._shared.user = self

    def take_turn(self) -> None:
        """Make the shared model this environment's; call it before anything that reads the model."""
        if self._shared.user is not self:
            self._place()

    def get_body_com(self, body_name: str) -> Vector:
        position: Vector = self._xpos[self._shared.index("body", body_name)]
        return position

    def get_endeff_pos(self) -> Vector:
        return self.get_body_com(self.robot.hand)

    @property
    def tcp_center(self) -> Vector:
        right, left = self.robot.finger_tips
        index, position = self._shared.index, self._site_xpos
        center: Vector = (position[index("site", right)] + position[index("site", left)]) / 2.0
        return center

    def _get_site_pos(self, site_name: str) -> Vector:
        position: Vector = self._site_xpos[self._shared.index("site", site_name)].copy()
        return position

    def _set_pos_site(self, name: str, pos: Vector) -> None:
        self._site_xpos[self._shared.index("site", name)] = pos[:3]

    def touching_object(self, object_geom_id: int) -> bool:
        if self.data.ncon == 0:
            return False
        left, right = self.robot.pads
        pads = (self._shared.index("geom", left), self._shared.index("geom", right))
        contact, efc_force = self.data.contact, self.data.efc_force
        forces = [0.0, 0.0]
        for row, geoms in enumerate(contact.geom.tolist()):
            if object_geom_id in geoms:
                for side, pad in enumerate(pads):
                    if pad in geoms:
                        forces[side] += efc_force[contact.efc_address[row]]
        return forces[0] > 0 and forces[1] > 0

    def set_xyz_action(self, action: npt.NDArray[np.float32]) -> None:
        hand = self.data.mocap_pos
        moved = hand[0] + np.clip(action, -1, 1) * self.action_scale
        np.maximum(moved, self.mocap_low, out=moved)
        np.minimum(moved, self.mocap_high, out=hand[0])
        self.data.mocap_quat[:] = self._hand_quaternion

    def _get_curr_obs_combined_no_goal(self) -> Vector:
        index, robot = self._shared.index, self.robot
        apart = self._xpos[index("body", robot.claws[0])] - self._xpos[index("body", robot.claws[1])]
        frame = np.zeros(18)
        frame[:3] = self._xpos[index("body", robot.hand)]
        frame[3] = min(max(math.sqrt(apart.dot(apart)) / robot.gripper_span_metres, 0.0), 1.0)
        positions, quaternions = self._get_pos_objects(), self._get_quat_objects()
        for k in range(len(positions) // 3):
            frame[4 + 7 * k : 7 + 7 * k] = positions[3 * k : 3 * k + 3]
            frame[7 + 7 * k : 11 + 7 * k] = quaternions[4 * k : 4 * k + 4]
        return frame

    def _get_obs(self) -> Vector:
        obs = np.empty(39)
        frame = self._get_curr_obs_combined_no_goal()
        obs[:18], obs[18:36], obs[36:] = frame, self._prev_obs, self._get_pos_goal()
        self._prev_obs = frame
        return obs

    def _reset_hand(self, steps: int = 50) -> None:
        """Move the hand to its start position for `steps` env steps.

        Target and control do not change meanwhile, so this is one call of MuJoCo. Its outcome depends on the
        goal alone and is cached up to the last physics step, which computes all other quantities.
        """
        if self._settling:
            self._settle(steps * self.frame_skip)
        else:
            mujoco.mj_forward(self.model, self.data)
        self.init_tcp = self.tcp_center

    def _settle(self, physics_steps: int) -> None:
        self.data.mocap_pos[:] = self.hand_init_pos
        self.data.mocap_quat[:] = self._hand_quaternion
        self.data.ctrl[:GRIPPER_ACTUATORS] = (-1.0, 1.0)
        key = (type(self), self._last_rand_vec.tobytes())  # tasks may share an XML file and even goals
        if key not in self._shared.settled:
            mujoco.mj_step(self.model, self.data, physics_steps - 1)
            state = np.empty(mujoco.mj_stateSize(self.model, _WHOLE_STATE))
            mujoco.mj_getState(self.model, self.data, state, _WHOLE_STATE)
            self._shared.settled[key] = state
        mujoco.mj_setState(self.model, self.data, self._shared.settled[key], _WHOLE_STATE)
        mujoco.mj_step(self.model, self.data)

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Any]]:
        """Begin an episode with the goal in `_last_rand_vec`, whatever happened before.

        Stock environments reset their model twice. The first reset only moves bodies to the goal's layout,
        so nothing settles; the second settles the hand among the moved bodies.
        """
        self._body_pos[:] = self._shared.first_body_pos
        self._site_pos[:] = self._shared.first_site_pos
        self._place()
        for self._settling in (False, True):
            mujoco.mj_resetData(self.model, self.data)
            obs = self.reset_model()
        obs[18:36] = self._prev_obs
        self._body_pos[:] = self._shared.body_pos
        self._site_pos[:] = self._shared.site_pos
        return obs, {}

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        """One env step. Never terminates or truncates: the caller keeps the horizon."""
        self.take_turn()
        self.set_xyz_action(action[:3])
        self.data.ctrl[:GRIPPER_ACTUATORS] = (action[3], -action[3])
        mujoco.mj_step(self.model, self.data, self.frame_skip)
        for name, position in self._target_site_config:
            self._set_pos_site(name, position)
        mujoco.mj_forward(self.model, self.data)
        obs = self._get_obs()
        np.maximum(obs, self.sawyer_observation_space.low, out=obs)
        np.minimum(obs, self.sawyer_observation_space.high, out=obs)
        reward, info = self.evaluate_state(obs, action)
        return obs, reward, False, False, info
