"""What an arm's file says in other units than MuJoCo reads, in sentences.

Such a file is no riddle to its user, but its consequences are: links in each other, a home beyond each joint.
"""

from __future__ import annotations

import math
from typing import Any, Final

import mujoco
import numpy as np

_LARGEST_MESH_METRES: Final = 5.0  # no link is so long; in millimetres each is far longer
_ROUNDED: Final = 1e-3  # rad
_MESH: Final = mujoco.mjtGeom.mjGEOM_MESH.value


def faults_of_units(spec: Any, model: Any, home: str) -> list[str]:
    """Of an arm's spec, compiled as `model`, whose keyframe `home` has its pose."""
    return [*_in_millimetres(model), *_in_radians(spec, model, home)]


def _in_millimetres(model: Any) -> list[str]:
    """Meshes that would else be told as links in each other."""
    sizes = {
        model.mesh(int(model.geom_dataid[geom])).name: 2 * model.geom_aabb[geom][3:]
        for geom in range(model.ngeom)
        if model.geom_type[geom] == _MESH
    }
    return [
        f"Mesh {name!r} is {' x '.join(f'{each:.3g}' for each in size)} m large; MuJoCo reads metres: if it "
        'is drawn in millimetres, give it scale="0.001 0.001 0.001".'
        for name, size in sizes.items()
        if max(size) > _LARGEST_MESH_METRES
    ]


def _in_radians(spec: Any, model: Any, home: str) -> list[str]:
    """Ranges that were meant as radians, where the file does not say so and MuJoCo reads degrees."""
    names = [model.key(number).name for number in range(model.nkey)]
    if not spec.compiler.degree or home not in names or not _fits_only_radians(model, model.key(home).qpos):
        return []
    ranges = np.degrees(model.jnt_range)
    ends = ", ".join(
        f"{model.joint(joint).name} {' to '.join(f'{each:.4g}' for each in ranges[joint])}"
        for joint in range(model.njnt)
        if model.jnt_limited[joint]
    )
    return [
        f"Its joints' ranges are read as degrees ({ends}), and keyframe {home!r} is within them only if they "
        'are radians: if they are, write <compiler angle="radian"/>.'
    ]


def _fits_only_radians(model: Any, home: Any) -> bool:
    limited = model.jnt_limited.astype(bool)
    if not limited.any():
        return False
    read = model.jnt_range[limited]
    meant = np.degrees(read)
    is_a_turn = bool((np.abs(meant) <= 2 * math.pi + _ROUNDED).all())
    return is_a_turn and not _within(home[limited], read) and _within(home[limited], meant)


def _within(angles: Any, ranges: Any) -> bool:
    low, high = ranges.T
    return bool(((low - _ROUNDED <= angles) & (angles <= high + _ROUNDED)).all())
