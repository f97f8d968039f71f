"""What is wrong with the MJCF file of an arm that is to take Sawyer's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collectiverun_trainer.commands.requests import CheckRobotRequest
from collectiverun_trainer.environments.robots.checking import faults_by_joints, faults_of
from collectiverun_trainer.environments.robots.model_files import ArmFault, ModelFiles


def run(request: CheckRobotRequest) -> dict[str, Any]:
    """A sentence for each fault; the bytes of its files if there is none.

    Of an arm without faults for control by the hand also what it lacks for control by joints.
    """
    told: dict[str, Any] = {"model": request.model, "faults": [], "byJoints": [], "bytes": None}
    try:
        files = ModelFiles.read(Path(request.model))
    except ArmFault as fault:
        return told | {"faults": list(fault.sentences)}
    if faults := faults_of(files, request.control):
        return told | {"faults": faults}
    by_joints = faults_by_joints(files) if request.control == "hand" else []
    return told | {"byJoints": by_joints, "bytes": files.size}
