"""What is wrong with the MJCF file of an arm that is to take Sawyer's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collectiverun_trainer.commands.requests import CheckRobotRequest
from collectiverun_trainer.environments.robots.checking import check
from collectiverun_trainer.environments.robots.model_files import ModelFiles


def run(request: CheckRobotRequest) -> dict[str, Any]:
    """A sentence for each fault; the bytes of its files if there is none.

    Of an arm without faults for control by the hand also what it lacks for control by joints.
    """
    place = Path(request.model)
    faults = check(place, request.control)
    by_joints = check(place, "joint") if request.control == "hand" and not faults else []
    size = None if faults else ModelFiles.read(place).size
    return {"model": request.model, "faults": faults, "byJoints": by_joints, "bytes": size}
