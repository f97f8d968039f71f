"""Models whose arms are moved by motors in their joints, as real arms are; for `environment.control: joint`.

Meta-World welds the hand to a mocap body, which pulls it with whatever force that takes, and the arm after
it. Here the weld is gone. Each joint has a servo, MuJoCo's position actuator with damping:

    torque = stiffness (target - angle) - damping speed,    stiffness = w² m,    damping = 2 w m,

m the inertia about the joint at home (kg m²), w `STIFFNESS_RADIANS_PER_SECOND`: critically damped. What a
motor gives ends at the joint's torque limit, with what it spends on holding up the arm and Meta-World's hand
(gravity compensation). What the hand lifts nobody compensates. Joints have no friction: few makers publish
theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import mujoco
import numpy as np

from collectiverun_trainer.environments.robots.arm import SPEED, Arm
from collectiverun_trainer.environments.robots.composing import ARMATURE, PREFIX, composed_spec, turn
from collectiverun_trainer.environments.robots.model_files import ArmFault

GRIPPER_ACTUATORS: Final = 2
"""Meta-World's own, of the fingers; those of the joints come after them."""
# The hand then follows as Meta-World's weld lets it (a time constant of 0.02 s, critically damped).
STIFFNESS_RADIANS_PER_SECOND: Final = 50.0
LAG_SECONDS: Final = 2 / STIFFNESS_RADIANS_PER_SECOND
"""By how much a joint is behind a target that moves at constant speed: damping over stiffness."""


@dataclass(frozen=True)
class Motor:
    """What moves a joint of a composed model."""

    joint: str
    torque: float  # N m, at most
    speed: float  # rad/s, at most


# Torques and speeds: RethinkRobotics/sawyer_robot sawyer_description/urdf/sawyer_base.urdf.xacro of the maker
# (commit 2fe61d9). The joints' ranges are those of Meta-World's model.
_SAWYER: Final = (
    Motor("right_j0", 80, 1.74), Motor("right_j1", 80, 1.328), Motor("right_j2", 40, 1.957),
    Motor("right_j3", 40, 1.957), Motor("right_j4", 9, 3.485), Motor("right_j5", 9, 3.485),
    Motor("right_j6", 9, 4.545),
)  # fmt: skip
# Its hand is over the table there, fingers down, as the other arms' are (`kinematics.HAND_HOME_METRES`). What
# Meta-World begins with is no home: stretched out beside the table, one joint outside its range.
_SAWYERS_HOME: Final = (1.2221, -1.5881, 0.0267, 1.745, 0.0005, 1.4139, 2.9941)


def driven_sawyer(task_file: str) -> Any:
    """The `mujoco.MjModel` of a task's file of Meta-World with motors in Sawyer's joints."""
    spec = mujoco.MjSpec.from_file(task_file)
    for motor, angle in zip(_SAWYER, _SAWYERS_HOME, strict=True):
        turn(spec.joint(motor.joint).parent, angle, degrees=bool(spec.compiler.degree))
    return _driven(spec, _SAWYER)


def driven_arm(task_file: str, arm: Arm) -> Any:
    """The `mujoco.MjModel` of a task's file of Meta-World with the arm in Sawyer's place, moved by motors.

    Raises:
        ArmFault: its file does not say how strong or how fast its joints are.
    """
    return _driven(composed_spec(task_file, arm), _motors(arm))


def missing_limits(arm: Arm) -> str:
    """What an arm's file lacks for control by joints, as a sentence; empty: nothing."""
    weak = [joint.name for joint in arm.joints if joint.torque is None]
    slow = any(joint.speed is None for joint in arm.joints)
    if not weak and not slow:
        return ""
    torques = f'the torque limit of {", ".join(weak)} (actuatorfrcrange="-50 50" in <joint>, in N m)'
    speeds = f'the speed limits (<numeric name="{SPEED}" data="…"/> in <custom>, rad/s, one for each joint)'
    return (
        f"For environment.control joint it lacks {' and '.join([torques] * bool(weak) + [speeds] * slow)}; "
        "with control hand it can be used as it is."
    )


def _motors(arm: Arm) -> tuple[Motor, ...]:
    if sentence := missing_limits(arm):
        raise ArmFault(sentence)
    return tuple(
        Motor(PREFIX + joint.name, joint.torque, joint.speed)
        for joint in arm.joints
        if joint.torque is not None and joint.speed is not None
    )


def _driven(spec: Any, motors: Sequence[Motor]) -> Any:
    for weld in list(spec.equalities):
        if weld.name1 == "mocap":
            weld.delete()
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST  # else stiff servos need shorter steps
    for motor in motors:
        _put_in(spec, motor)
    for body in spec.body(spec.joint(motors[0].joint).parent.name).find_all("body"):
        body.gravcomp = 1.0
    model = spec.compile()
    _tune(model)
    return model


def _put_in(spec: Any, motor: Motor) -> None:
    joint = spec.joint(motor.joint)
    joint.damping, joint.armature, joint.frictionloss, joint.stiffness = 0.0, ARMATURE, 0.0, 0.0
    joint.actfrclimited, joint.actfrcrange = mujoco.mjtLimited.mjLIMITED_TRUE, [-motor.torque, motor.torque]
    joint.actgravcomp = True
    spec.add_actuator(
        name=f"{motor.joint}_servo",
        target=motor.joint,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        gaintype=mujoco.mjtGain.mjGAIN_FIXED,
        biastype=mujoco.mjtBias.mjBIAS_AFFINE,
        userdata=[motor.speed],
    )


def _tune(model: Any) -> None:
    """Set the servos' gains by the inertia about each joint at home."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, inertia, data.qM)
    for actuator in range(GRIPPER_ACTUATORS, model.nu):
        dof = model.jnt_dofadr[model.actuator_trnid[actuator, 0]]
        stiffness = STIFFNESS_RADIANS_PER_SECOND**2 * inertia[dof, dof]
        model.actuator_gainprm[actuator, 0] = stiffness
        model.actuator_biasprm[actuator, 1:3] = -stiffness, -stiffness * LAG_SECONDS
