"""A task's model with another arm, composed through `mujoco.MjSpec`; nothing is written anywhere.

Of Meta-World's model everything stays but Sawyer itself: task, table, cameras, mocap body, weld, and the hand
with its claws, pads, sites and actuators, which is fastened to the new arm's flange as it was to Sawyer's.
The new arm has no contacts, as Sawyer's has none, and Sawyer's damping; its links weigh what they weigh, and
gravity is compensated, as controllers of such arms do. A model is read twice for it, because MjSpec moves a
body from one model to another only.
"""

from __future__ import annotations

from typing import Any, Final

import mujoco
import numpy as np

from collectiverun_trainer.environments.robots.angles import write_as_meta_worlds
from collectiverun_trainer.environments.robots.arm import FLANGE, JOINTS, Arm, chain

PREFIX: Final = "arm/"  # of every name of the arm, so that none is also one of Meta-World's
HAND: Final = "right_hand"  # Meta-World's hand and what fastens it to a flange
_BASE: Final = "base"
_FLOOR_METRES: Final = -0.913  # Meta-World's floor; its table's top is 0
_PEDESTAL_RADIUS_METRES: Final = 0.09
_DAMPING: Final = 10.0  # N m s/rad, Meta-World's own of Sawyer's joints: the arm follows the hand
# kg m², what motor and gears of such joints add. With Meta-World's 0.001 a light arm has less to set against
# what the fingers touch than Sawyer has, and its hand stays millimetres above what it is to take.
ARMATURE: Final = 0.1
_UNSEEN_MASS_KG, _UNSEEN_INERTIA = 0.001, (1e-6, 1e-6, 1e-6)


def compose(task_file: str, arm: Arm) -> Any:
    """The `mujoco.MjModel` of a task's file of Meta-World with the arm in Sawyer's place."""
    return composed_spec(task_file, arm).compile()


def composed_spec(task_file: str, arm: Arm) -> Any:
    """The `mujoco.MjSpec` of it."""
    spec, hand = mujoco.MjSpec.from_file(task_file), mujoco.MjSpec.from_file(task_file)
    _remove_sawyer(spec)
    _keep_the_hands_assets(hand, spec)
    base = spec.body(_BASE)
    _add_pedestal(base, arm)
    for number in range(len(arm.joints), JOINTS):
        _add_inert_joint(base, number)
    spec.assets = _mount(base, arm)
    flange = spec.site(PREFIX + FLANGE)
    place, quaternion = arm.flange
    flange.parent.add_frame(pos=place, quat=quaternion).attach_body(hand.body(HAND), "", "")
    return spec


def _remove_sawyer(spec: Any) -> None:
    for body in spec.body(_BASE).bodies:
        spec.detach_body(body)  # with the hand, and the actuators and the weld that name it


def _keep_the_hands_assets(hand: Any, rest: Any) -> None:
    """Let each asset be in one of the two: the hand's in the hand's, others in the rest, Sawyer's nowhere."""
    geoms = [geom for body in [hand.body(HAND), *hand.body(HAND).find_all("body")] for geom in body.geoms]
    meshes, materials = {geom.meshname for geom in geoms}, {geom.material for geom in geoms}
    used = {geom.meshname for geom in rest.geoms}
    for mesh in list(hand.meshes):
        if mesh.name not in meshes:
            mesh.delete()
    for mesh in list(rest.meshes):
        if mesh.name not in used:
            mesh.delete()
    for material in list(hand.materials):
        if material.name not in materials:
            material.delete()
    for material in list(rest.materials):
        if material.name in materials:
            material.delete()
    for texture in list(hand.textures):
        texture.delete()


def _mount(base: Any, arm: Arm) -> dict[str, bytes]:
    """Put the arm's bodies, at home and ready to follow, on the base; the files of its meshes."""
    spec = arm.model.spec()
    write_as_meta_worlds(spec)
    for parts in (spec.actuators, spec.sensors, spec.keys, spec.tendons, spec.equalities, spec.excludes):
        for part in list(parts):
            part.delete()
    for body, angle in zip([body for body in chain(spec) if body.joints], arm.home, strict=True):
        turn(body, angle, degrees=False)
        _follow_the_hand(body.joints[0])
    for body in spec.bodies:
        body.gravcomp = 1.0
        for geom in body.geoms:
            geom.contype = geom.conaffinity = 0
    x, y, z, yaw = arm.mount
    half = np.radians(yaw) / 2
    frame = base.add_frame(pos=[x, y, z], quat=[np.cos(half), 0, 0, np.sin(half)])
    frame.attach_body(spec.worldbody.bodies[0], PREFIX, "")
    return dict(spec.assets)


def _follow_the_hand(joint: Any) -> None:
    joint.damping, joint.armature, joint.frictionloss, joint.stiffness = _DAMPING, ARMATURE, 0.0, 0.0
    joint.actgravcomp = False  # else the joint's torque limit would hold for its gravity compensation


def turn(body: Any, angle: float, degrees: bool) -> None:
    """Make `angle` (radians) the angle of the body's joint in the pose that a reset of MuJoCo gives."""
    (joint,) = body.joints
    turned, quaternion = np.zeros(4), np.zeros(4)
    axis = np.array(joint.axis) / np.linalg.norm(joint.axis)
    drawn = np.radians(joint.ref) if degrees else joint.ref  # the angle at which the file draws the body
    mujoco.mju_axisAngle2Quat(turned, axis, angle - drawn)
    mujoco.mju_mulQuat(quaternion, np.array(body.quat), turned)
    moved, anchor = np.zeros(3), np.array(joint.pos)
    mujoco.mju_rotVecQuat(moved, anchor, turned)
    offset = np.zeros(3)
    mujoco.mju_rotVecQuat(offset, anchor - moved, np.array(body.quat))
    body.pos, body.quat = np.array(body.pos) + offset, quaternion
    joint.ref = np.degrees(angle) if degrees else angle


def _add_inert_joint(base: Any, number: int) -> None:
    """A joint that nothing moves: an arm with fewer joints still fills seven places of qpos."""
    body = base.add_body(name=f"{PREFIX}inert{number}", mass=_UNSEEN_MASS_KG, inertia=_UNSEEN_INERTIA)
    body.explicitinertial, body.gravcomp = True, 1.0
    body.add_joint(
        name=f"{PREFIX}inert{number}",
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=[0, 0, 1],
        limited=mujoco.mjtLimited.mjLIMITED_FALSE,
        damping=_DAMPING,
        armature=ARMATURE,
    )


def _add_pedestal(base: Any, arm: Arm) -> None:
    """What holds the arm's root over the floor: to be seen, no more."""
    x, y, z, _ = arm.mount
    base.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        fromto=[x, y, _FLOOR_METRES, x, y, z],
        size=[_PEDESTAL_RADIUS_METRES, 0, 0],
        rgba=[0.2, 0.2, 0.2, 1],
        contype=0,
        conaffinity=0,
        group=1,
    )
