"""Pictures of an environment without a display, through EGL or OSMesa.

MuJoCo binds its OpenGL when it is imported, long before anybody knows whether pictures are wanted, and
PyOpenGL can be bound to one platform a process. So each platform is first tried in a process of its own.
Shadows, reflections and multi-sampling are off: in software a picture is then ten times cheaper.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from functools import cache
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

PLATFORMS = ("egl", "osmesa")

# A free camera in front of the table, a little from its right: upright, unlike Meta-World's own cameras.
_LOOK_AT_METRES = (0.0, 0.65, 0.12)
_DISTANCE_METRES = 1.25
_AZIMUTH_DEGREES = 125.0
_ELEVATION_DEGREES = -28.0

_PROBE = "import mujoco; c = mujoco.GLContext(8, 8); c.make_current(); c.free()"


class RenderingError(RuntimeError):
    """No way to draw without a display on this machine."""


@cache
def rendering_platform() -> str:
    """'egl' or 'osmesa': MUJOCO_GL if it names one of them, else the first that works here.

    Raises:
        RenderingError: neither works, or MUJOCO_GL names something that needs a display.
    """
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    if asked and asked not in PLATFORMS:
        raise RenderingError(
            f"MUJOCO_GL is {asked!r}, which cannot draw without a display; unset it or use one of {PLATFORMS}"
        )
    faults = {}
    for platform in (asked,) if asked else PLATFORMS:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE],
            env={**os.environ, "MUJOCO_GL": platform, "PYOPENGL_PLATFORM": platform},
            capture_output=True,
            text=True,
            check=False,
        )
        if probe.returncode == 0:
            return platform
        faults[platform] = (probe.stderr.strip().splitlines() or [f"exit status {probe.returncode}"])[-1]
    raise RenderingError(
        f"no OpenGL to draw with: {'; '.join(f'{p}: {fault}' for p, fault in faults.items())}. "
        "Install libegl1 and libgl1-mesa-dri, or libosmesa6 (apt-get install libegl1 libosmesa6), "
        "or turn videos off (evaluation.params.videos: false)"
    )


class PictureMaker:
    """Draws one model's environments, all pictures of one size."""

    def __init__(self, model: Any, size: int) -> None:
        """Square pictures of `size` pixels; RenderingError if this machine cannot draw."""
        gl = importlib.import_module(f"mujoco.{rendering_platform()}")
        self.model = model
        self.gl_context = gl.GLContext(size, size)
        self.gl_context.make_current()
        self.context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self.context)
        self.rectangle = mujoco.MjrRect(0, 0, size, size)
        self.camera = _camera()
        self.options = mujoco.MjvOption()
        self.scene = mujoco.MjvScene(model, maxgeom=2000)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self.scene.flags[flag.value] = False

    def draw(self, data: Any) -> Picture:
        """The present state as (size, size, 3), first row on top."""
        self.gl_context.make_current()
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self.model, data, self.options, None, self.camera, everything, self.scene)
        mujoco.mjr_render(self.rectangle, self.scene, self.context)
        picture = np.empty((self.rectangle.height, self.rectangle.width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(picture, None, self.rectangle, self.context)
        return np.ascontiguousarray(picture[::-1])  # OpenGL's first row is the lowest


def _camera() -> Any:
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE.value
    camera.lookat[:] = _LOOK_AT_METRES
    camera.distance = _DISTANCE_METRES
    camera.azimuth = _AZIMUTH_DEGREES
    camera.elevation = _ELEVATION_DEGREES
    return camera


@cache
def picture_maker(model: Any, size: int) -> PictureMaker:
    """One maker per model and size; making one takes a second or more."""
    return PictureMaker(model, size)
