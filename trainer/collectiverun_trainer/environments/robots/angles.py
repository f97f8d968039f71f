"""An arm's model as Meta-World's reads it: radians, and quaternions for all that is turned.

MuJoCo lets each file say in <compiler> how it writes angles. Of a body that is attached to another model it
forgets that without a word, unless both models have the same name: 170 degrees become 170 radians
(findings/mujoco-attach-loses-the-compiler.sh). So nothing may be left to it that the other could misread.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np


def write_as_meta_worlds(spec: Any) -> None:
    """Change an arm's spec, which is not compiled yet, to what `<compiler angle="radian"/>` stands for."""
    turned = (*spec.bodies[1:], *spec.frames, *spec.geoms, *spec.sites, *spec.cameras)
    for part in turned:
        part.quat = _quaternion(part.alt, part.quat, spec.compiler)
        part.alt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT
    for body in spec.bodies[1:]:
        body.iquat = _quaternion(body.ialt, body.iquat, spec.compiler)
        body.ialt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT
    if spec.compiler.degree:
        for joint in spec.joints:
            joint.range, joint.ref = np.radians(joint.range), float(np.radians(joint.ref))
    spec.compiler.degree = False


def _quaternion(alternative: Any, quaternion: Any, compiler: Any) -> Any:
    """Of what may be turned by euler, axisangle, … in place of a quaternion, as MuJoCo understands it."""
    if alternative.type == mujoco.mjtOrientation.mjORIENTATION_QUAT:
        return quaternion
    alone = mujoco.MjSpec()
    alone.compiler.degree, alone.compiler.eulerseq = compiler.degree, compiler.eulerseq
    alone.worldbody.add_body(name="turned").alt = alternative
    return alone.compile().body("turned").quat
