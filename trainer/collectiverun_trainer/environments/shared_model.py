"""One compiled MuJoCo model for all environments of one XML file, robot and control: 20 MB and 0.1 s each."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.environments.robots import Robot

if TYPE_CHECKING:
    from collectiverun_trainer.environments.joint_control import JointControl

Vector = npt.NDArray[np.float64]

# Large enough for any video size the parameters allow; allocated only when something is rendered.
FRAME_BUFFER_PIXELS = 1024


class SharedModel:
    """A compiled MuJoCo model, used in turn by all environments made from one XML file with one robot.

    With motors in the arm's joints (`driven`) it is another model, and `joints` is what moves it.
    """

    def __init__(self, path: str, robot: Robot, driven: bool) -> None:
        self.model = robot.driven_model(path) if driven else robot.model(path)
        self.joints = _joint_control(self.model) if driven else None
        self.model.vis.global_.offwidth = self.model.vis.global_.offheight = FRAME_BUFFER_PIXELS
        self.model.vis.quality.offsamples = 0
        self.body_pos: Vector = self.model.body_pos  # views of the model's memory
        self.site_pos: Vector = self.model.site_pos
        self.first_body_pos = self.body_pos.copy()
        self.first_site_pos = self.site_pos.copy()
        # By class and goal: the state one physics step before the hand has settled.
        self.settled: dict[tuple[type, bytes], Vector] = {}
        self.user: object | None = None
        # (kind, name) to the row of a named body, site or geom in MuJoCo's arrays; needed in every step
        self.index = cache(self._find_row)

    def _find_row(self, kind: str, name: str) -> int:
        return int(getattr(self.model, kind)(name).id)


def _joint_control(model: Any) -> JointControl:
    from collectiverun_trainer.environments.joint_control import JointControl  # imports numba: half a second

    return JointControl(model)


@cache
def shared_model(path: str, robot: Robot, driven: bool) -> SharedModel:
    """The model of one of Meta-World's XML files with a robot, compiled once per process.

    Raises:
        ArmFault: the robot's own file can't be used, or has too little for motors in its joints.
    """
    return SharedModel(path, robot, driven)
