"""Environments whose arm is moved by motors in its joints; see `joint_control.py` and `robots/servos.py`.

The mocap body stays what an action moves, within Meta-World's bounds: here it is the commanded place of the
hand, and nothing but that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.environments.fast_stepping import FastEnvironment

if TYPE_CHECKING:
    from collectiverun_trainer.environments.joint_control import JointControl


class JointEnvironment(FastEnvironment):
    """Meta-World's environment of a robot whose hand goes where its joints can take it."""

    driven = True

    @property
    def _joints(self) -> JointControl:
        joints = self._shared.joints
        assert joints is not None
        return joints

    def set_xyz_action(self, action: npt.NDArray[np.float32]) -> None:
        super().set_xyz_action(action)
        self._joints.follow(self.data)

    def _settle(self, physics_steps: int) -> None:
        """Begin with the hand at its start position, instead of on its way there from home."""
        self._joints.stand(self.data, self.hand_init_pos)
        super()._settle(physics_steps)
