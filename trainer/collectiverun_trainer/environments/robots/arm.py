"""A robot's arm as data: one MJCF model, read and checked before anything is composed from it.

What the file must have: one root body in its world; six or seven hinge joints in a row, from the root to the
site `attachment_site`, where Meta-World's hand is fastened (its z axis points away from the arm); an
`<inertial>` of every link; a keyframe `home`. In `<custom>`: `mount`, where the root stands in Meta-World's
world (x, y, z in metres, yaw in degrees; without it at Meta-World's own base, turned to the table), and what
the tables show: the texts `title` and `source`, the numbers `reach` (metres) and `payload` (kg). For control
by joints (`servos.py`) also how strong and how fast the joints are: of each one `actuatorfrcrange` (N m; the
smaller end counts for both directions), and in `<custom>` the numbers `speed` (rad/s, one for each joint from
the root on).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import mujoco
import numpy as np

from collectiverun_trainer.environments.robots.model_files import ArmFault, ModelFiles, one_line
from collectiverun_trainer.environments.robots.units import faults_of_units

FLANGE: Final = "attachment_site"
HOME: Final = "home"
SPEED: Final = "speed"
JOINTS: Final = 7  # Meta-World's tasks write object poses into qpos behind seven joints and two fingers
_FACING_THE_TABLE: Final = (0.0, 0.0, 0.0, 90.0)
_HINGE: Final = mujoco.mjtJoint.mjJNT_HINGE.value


@dataclass(frozen=True)
class ArmJoint:
    """One joint; angles in radians."""

    name: str
    low: float
    high: float
    torque: float | None = None
    """N m that its motor gives at most, in either direction; None where the file does not say."""
    speed: float | None = None
    """rad/s that it turns at most; None where the file does not say."""


@dataclass(frozen=True)
class Arm:
    """What a robot's file says."""

    model: ModelFiles
    joints: tuple[ArmJoint, ...]
    home: tuple[float, ...]  # radians, one per joint
    mount: tuple[float, ...]  # x, y, z in metres, yaw in degrees
    mass_kg: float
    flange: tuple[tuple[float, ...], tuple[float, ...]]  # in the last link: metres, quaternion
    title: str = ""
    source: str = ""
    reach_metres: float | None = None
    payload_kg: float | None = None


def read_arm(model: ModelFiles) -> Arm:
    """The arm that an MJCF model describes.

    Raises:
        ArmFault: MuJoCo can't read it, or it lacks something; every fault in a sentence.
    """
    spec = model.spec()
    faults = _faults_of_structure(spec)
    if faults:
        raise ArmFault(*faults)
    compiled = _compiled(spec, model)
    faults = faults_of_units(spec, compiled, HOME) or _faults_of_home(compiled)
    if faults:
        raise ArmFault(*faults)
    return _described(model, spec, compiled)


def chain(spec: Any) -> list[Any]:
    """The bodies from the root to the one that holds the flange, in order."""
    body, bodies = spec.site(FLANGE).parent, []
    while body.name != "world":
        bodies.append(body)
        body = body.parent
    return bodies[::-1]


def _compiled(spec: Any, model: ModelFiles) -> Any:
    try:
        return spec.compile()
    except ValueError as error:
        told = model.with_its_names(one_line(error))
        raise ArmFault(f"MuJoCo can't compile {model.place!r}: {told}.") from error


def _faults_of_structure(spec: Any) -> list[str]:
    roots = [body.name or "(no name)" for body in spec.worldbody.bodies]
    if len(roots) != 1:
        listed = f": {', '.join(roots)}" if roots else ""
        return [f"Its world has {len(roots)} bodies{listed}; an arm is one body and those inside it."]
    if spec.site(FLANGE) is None:
        return [
            f"It has no site {FLANGE!r}: add one to the last link, where the hand is fastened, "
            "its z axis pointing away from the arm."
        ]
    return [
        *_faults_of_names(spec),
        *_faults_of_joints(spec),
        *_faults_of_links(spec),
        *_faults_of_masses(spec),
        *_faults_of_mount(spec),
        *_faults_of_speed(spec),
    ]


def _faults_of_names(spec: Any) -> list[str]:
    nameless = {
        kind: sum(not part.name for part in parts)
        for kind, parts in {"bodies": spec.bodies, "joints": spec.joints}.items()
    }
    return [
        f"{count} of its {kind} have no name: give each one." for kind, count in nameless.items() if count
    ]


def _faults_of_mount(spec: Any) -> list[str]:
    return [
        f"Its mount has {len(each.data)} numbers; it is x, y, z in metres and the yaw in degrees."
        for each in spec.numerics
        if each.name == "mount" and len(each.data) != len(_FACING_THE_TABLE)
    ]


def _faults_of_speed(spec: Any) -> list[str]:
    joints = sum(len(body.joints) for body in chain(spec))
    if joints not in (JOINTS - 1, JOINTS):
        return []  # which is told, and how many there have to be is not known
    return [
        f"Its speed is {' '.join(f'{each:g}' for each in numeric.data)}; it has to be {joints} positive "
        "numbers, how fast each joint from the root on turns at most, in rad/s."
        for numeric in spec.numerics
        if numeric.name == SPEED
        and (len(numeric.data) != joints or not all(0 < each < math.inf for each in numeric.data))
    ]


def _faults_of_joints(spec: Any) -> list[str]:
    in_chain = [joint for body in chain(spec) for joint in body.joints]
    if not in_chain:
        place = spec.site(FLANGE).parent.name
        return [f"Site {FLANGE!r} is in body {place!r}, which no joint moves; put it into the last link."]
    names = {joint.name for joint in in_chain}
    faults = [
        f"Joint {joint.name!r} does not move the flange, as a gripper's would not: remove it with what "
        "it moves, Meta-World's own hand is used."
        for joint in spec.joints
        if joint.name not in names
    ]
    faults += [
        f"Joint {joint.name!r} is no hinge but a {_type(joint)} joint; only hinges are supported."
        for joint in in_chain
        if int(joint.type) != _HINGE
    ]
    if len(in_chain) not in (JOINTS - 1, JOINTS):
        faults.append(
            f"There are {len(in_chain)} joints between its root and the flange "
            f"({', '.join(joint.name for joint in in_chain)}); an arm has {JOINTS - 1} or {JOINTS}."
        )
    crowded = [body.name for body in chain(spec) if len(body.joints) > 1]
    return [*faults, *(f"Body {name!r} has more than one joint; give each a body." for name in crowded)]


def _type(joint: Any) -> str:
    return str(mujoco.mjtJoint(int(joint.type)).name).removeprefix("mjJNT_").lower()


def _faults_of_links(spec: Any) -> list[str]:
    bare = [body.name for body in spec.bodies if body.name != "world" and not body.explicitinertial]
    if not bare:
        return []
    return [
        f"No <inertial> in {', '.join(bare)}: each link needs one, as Meta-World's models take no mass "
        "from shapes."
    ]


def _faults_of_masses(spec: Any) -> list[str]:
    """MuJoCo would refuse these too, but does not say which it means."""
    return [
        f"The <inertial> of {body.name!r} has the mass {body.mass:g} kg and the inertia "
        f"{' '.join(f'{each:g}' for each in body.inertia)} kg m²; all have to be above zero."
        for body in spec.bodies
        if body.explicitinertial and not (body.mass > 0 and _is_turned_by_torques(body))
    ]


def _is_turned_by_torques(body: Any) -> bool:
    by_axes = bool((np.array(body.inertia) > 0).all())
    return by_axes or not np.isnan(body.fullinertia[0])  # of which MuJoCo tells more


def _faults_of_home(model: Any) -> list[str]:
    keys = [model.key(k).name for k in range(model.nkey)]
    if HOME not in keys:
        return [
            f"It has no keyframe {HOME!r}: its qpos is the pose that has the hand over the table, fingers "
            "down."
        ]
    home = model.key(HOME).qpos
    return [
        f"Joint {model.joint(j).name!r} is at {home[j]:.3f} rad in keyframe {HOME!r}, outside its range "
        f"{model.jnt_range[j][0]:.3f} to {model.jnt_range[j][1]:.3f}; keyframes are in radians."
        for j in range(model.njnt)
        if model.jnt_limited[j] and not model.jnt_range[j][0] <= home[j] <= model.jnt_range[j][1]
    ]


def _described(model: ModelFiles, spec: Any, compiled: Any) -> Arm:
    numbers = {each.name: list(each.data) for each in spec.numerics}
    texts = {each.name: str(each.data) for each in spec.texts}
    speeds = numbers.get(SPEED, [None] * compiled.njnt)
    return Arm(
        model=model,
        joints=tuple(_joint(compiled, j, speed) for j, speed in enumerate(speeds)),
        home=tuple(compiled.key(HOME).qpos.tolist()),
        mount=tuple(numbers.get("mount", _FACING_THE_TABLE)),
        mass_kg=float(compiled.body_mass.sum()),
        flange=(tuple(compiled.site(FLANGE).pos.tolist()), tuple(compiled.site(FLANGE).quat.tolist())),
        title=texts.get("title", ""),
        source=texts.get("source", ""),
        reach_metres=next(iter(numbers.get("reach", [])), None),
        payload_kg=next(iter(numbers.get("payload", [])), None),
    )


def _joint(compiled: Any, j: int, speed: float | None) -> ArmJoint:
    low, high = compiled.jnt_range[j].tolist() if compiled.jnt_limited[j] else (-math.inf, math.inf)
    back, forth = compiled.jnt_actfrcrange[j].tolist() if compiled.jnt_actfrclimited[j] else (0.0, 0.0)
    torque = min(-back, forth)
    return ArmJoint(compiled.joint(j).name, low, high, torque if torque > 0 else None, speed)
