"""Which robots a run file may name; their pictures, if asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collectiverun_trainer.commands.requests import RobotsRequest
from collectiverun_trainer.config import ROBOT_ALIASES, ROBOTS
from collectiverun_trainer.environments.robots import MODELS
from collectiverun_trainer.environments.robots.arm import read_arm
from collectiverun_trainer.environments.robots.model_files import ModelFiles
from collectiverun_trainer.errors import Usage

_PICTURE_PIXELS = 480
SAWYERS_MASS_KG = 19.2  # of the arm in Meta-World's model: right_arm_base_link and right_l0 to right_l6


def run(request: RobotsRequest) -> dict[str, Any]:
    """Each robot with what is published of it, and where its picture is."""
    pictures = _drawn(Path(request.pictures)) if request.pictures else {}
    rows = [_row(name) | ({"picture": pictures[name]} if pictures else {}) for name in ROBOTS]
    return {"robots": rows, "aliases": dict(ROBOT_ALIASES)}


def _row(name: str) -> dict[str, Any]:
    if name == "sawyer":
        return {
            "name": name,
            "robot": "Rethink Sawyer, Meta-World's own",
            "joints": 7,
            "massKg": SAWYERS_MASS_KG,
        }
    arm = read_arm(ModelFiles.read(MODELS / f"{name}.xml"))
    return {
        "name": name,
        "robot": arm.title,
        "joints": len(arm.joints),
        "reachMetres": arm.reach_metres,
        "payloadKg": arm.payload_kg,
        "massKg": round(arm.mass_kg, 1),
    }


def _drawn(folder: Path) -> dict[str, str]:
    """The file of each robot's picture, drawn into the folder."""
    from PIL import Image

    from collectiverun_trainer.environments.robots.portrait import portrait

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ROBOTS:
            Image.fromarray(portrait(name, _PICTURE_PIXELS)).save(folder / f"{name}.png")
    except OSError as error:
        raise Usage(f"pictures can't be written to {str(folder)!r}: {error.strerror}") from None
    return {name: str(folder / f"{name}.png") for name in ROBOTS}
