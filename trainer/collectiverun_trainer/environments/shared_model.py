"""One compiled MuJoCo model for all environments of one XML file and robot: a model takes 20 MB and 0.1 s."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.environments.robots import Robot

Vector = npt.NDArray[np.float64]

# Large enough for any video size the parameters allow; allocated only when something is rendered.
FRAME_BUFFER_PIXELS = 1024


class SharedModel:
    """A compiled MuJoCo model, used in turn by all environments made from one XML file with one robot."""

    def __init__(self, path: str, robot: Robot) -> None:
        self.model = robot.model(path)
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


@cache
def shared_model(path: str, robot: Robot) -> SharedModel:
    """The model of one of Meta-World's XML files with a robot, compiled once per process.

    Raises:
        ArmFault: the robot's own file can't be used.
    """
    return SharedModel(path, robot)
