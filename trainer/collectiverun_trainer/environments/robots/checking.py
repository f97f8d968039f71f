"""What is wrong with an arm's file, in sentences: what it lacks, and how it does in Meta-World's reach-v3."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import mujoco
import numpy as np

from collectiverun_trainer.config import Control
from collectiverun_trainer.environments.robots.arm import HOME, Arm, read_arm
from collectiverun_trainer.environments.robots.composing import PREFIX, compose
from collectiverun_trainer.environments.robots.kinematics import (
    HAND_HOME_METRES,
    HAND_QUATERNION,
    ArmKinematics,
    Posture,
    Vector,
)
from collectiverun_trainer.environments.robots.model_files import ArmFault, ModelFiles, one_line
from collectiverun_trainer.environments.robots.servos import GRIPPER_ACTUATORS, driven_arm, missing_limits

# Where hands go in MT10: where tasks begin, and the ends of the ways that Meta-World's scripts take.
PLACES_METRES: Final = (
    (0.0, 0.6, 0.2), (0.0, 0.4, 0.2), (-0.1, 0.85, 0.1), (0.1, 0.88, 0.2), (0.2, 0.7, 0.06),
    (-0.15, 0.6, 0.06),
)  # fmt: skip
_AT_END: Final = 0.01  # rad
_ROUNDED: Final = 1e-4  # rad, so that an angle at a joint's end is not written beyond it
_HOME_METRES, _HOME_RADIANS = 0.02, 0.1
_TRIES = 30
_HELD_STEPS, _HELD_METRES = 400, 0.01
_WELD: Final = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 5.0)  # as Meta-World sets it


def faults_of(files: ModelFiles, control: Control = "hand") -> list[str]:
    """Every fault of an arm's model in a sentence; none if a run with that control may use it."""
    return _faults_in_place(files) or (faults_by_joints(files) if control == "joint" else [])


def faults_by_joints(files: ModelFiles) -> list[str]:
    """What an arm without other faults lacks for motors in its joints, in sentences."""
    arm = read_arm(files)
    if sentence := missing_limits(arm):
        return [sentence]
    model = driven_arm(_reach_file(), arm)
    return _held_by_motors(model, ArmKinematics(model))


def _faults_in_place(files: ModelFiles) -> list[str]:
    try:
        arm = read_arm(files)
        model = compose(_reach_file(), arm)
    except ArmFault as fault:
        return list(fault.sentences)
    except ValueError as error:
        told = one_line(error).replace(PREFIX, "")
        return [f"It can't take Sawyer's place in Meta-World's model: {told}."]
    kinematics = ArmKinematics(model)
    at_home = _home(kinematics, arm)
    return [
        *_overlap(kinematics),
        *at_home,
        *_out_of_reach(kinematics, arm),
        *([] if at_home else _motion(model, kinematics)),  # it would be pulled from where it should not be
    ]


def _reach_file() -> str:
    found = find_spec("metaworld")  # where it lies; to import it would take half a second
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'metaworld'", name="metaworld")
    return str(Path(found.origin).with_name("assets") / "sawyer_xyz" / "sawyer_reach_v3.xml")


def _overlap(kinematics: ArmKinematics) -> list[str]:
    apart, first, second = kinematics.deepest_contact(kinematics.home)
    if apart >= 0:
        return []
    return [
        f"Links {first!r} and {second!r} overlap by {-1000 * apart:.0f} mm in keyframe {HOME!r}: bend the "
        "arm so that they do not."
    ]


def _home(kinematics: ArmKinematics, arm: Arm) -> list[str]:
    posture = kinematics.posture(kinematics.home, np.array(HAND_HOME_METRES))
    if posture.reaches(_HOME_METRES, _HOME_RADIANS):
        return []
    missed = (
        f"In keyframe {HOME!r} the hand misses its place, {_place(HAND_HOME_METRES)} with the fingers down, "
        f"by {_miss(posture)}: "
    )
    found = kinematics.solve(np.array(HAND_HOME_METRES), tries=_TRIES)
    if found.reaches():
        inside = np.clip(found.angles, kinematics.low + _ROUNDED, kinematics.high - _ROUNDED).round(4)
        angles = " ".join(f"{angle + 0.0:.4f}" for angle in inside)
        return [f'{missed}with qpos="{angles}" it is there.']
    mount = " ".join(f"{number:g}" for number in arm.mount)
    return [
        f"{missed}no angles within the joints' ranges bring it nearer than {_miss(found)}, so mount the arm "
        f'elsewhere (<numeric name="mount" data="{mount}"/> in <custom>: x, y, z in metres, yaw in degrees) '
        "or turn its flange."
    ]


def _out_of_reach(kinematics: ArmKinematics, arm: Arm) -> list[str]:
    missed, ended = [], np.zeros(len(arm.joints), bool)
    for place in PLACES_METRES:
        posture = kinematics.solve(np.array(place), tries=_TRIES)
        if not posture.reaches():
            missed.append(f"{_place(place)} by {_miss(posture)}")
            ended |= np.minimum(posture.angles - kinematics.low, kinematics.high - posture.angles) < _AT_END
    if not missed:
        return []
    names = ", ".join(joint.name for joint, ends in zip(arm.joints, ended, strict=True) if ends)
    at_end = f", at the end of the range of {names}" if names else ""
    return [
        f"With the fingers down the hand does not reach {', '.join(missed)}{at_end}; mount the arm elsewhere"
        f"{', or let these turn farther' if names else ''}."
    ]


def _motion(model: Any, kinematics: ArmKinematics) -> list[str]:
    """Hold the hand at home, as an environment does, and look whether it stays there."""
    data, place = mujoco.MjData(model), kinematics.hand_position(kinematics.home)
    model.eq_data[0] = _WELD
    data.mocap_pos[0], data.mocap_quat[0] = place, HAND_QUATERNION
    return _held(model, data, place, "Held still at home for a second, the hand")


def _held_by_motors(model: Any, kinematics: ArmKinematics) -> list[str]:
    data = mujoco.MjData(model)
    data.ctrl[GRIPPER_ACTUATORS:] = kinematics.home
    place = kinematics.hand_position(kinematics.home)
    told = (
        "With environment.control joint its motors do not hold it up (actuatorfrcrange): after a second at"
        " home the hand"
    )
    return _held(model, data, place, told)


def _held(model: Any, data: Any, place: Vector, told: str) -> list[str]:
    mujoco.mj_step(model, data, _HELD_STEPS)
    warned = [
        mujoco.mjtWarning(kind).name.removeprefix("mjWARN_")
        for kind, warning in enumerate(data.warning)
        if warning.number
    ]
    if warned:
        return [f"MuJoCo warns of {', '.join(warned)} while the hand is held still at home."]
    away = float(np.linalg.norm(data.body("hand").xpos - place))
    if away <= _HELD_METRES:
        return []
    return [f"{told} is {1000 * away:.0f} mm away from where it was."]


def _place(metres: Vector | tuple[float, ...]) -> str:
    return f"({', '.join(f'{each:g}' for each in metres)}) m"


def _miss(posture: Posture) -> str:
    return f"{1000 * posture.position_error:.0f} mm and {np.degrees(posture.rotation_error):.0f} degrees"
