"""Rendering without a display, through EGL or OSMesa.

MuJoCo binds OpenGL when it is imported, before it is known whether anything will be rendered, and PyOpenGL
binds to one platform per process. So each platform is first tried in a separate process. Shadows,
reflections and multi-sampling are off, which makes software rendering ten times cheaper.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from collectiverun_trainer.errors import InvalidConfiguration

Picture = npt.NDArray[np.uint8]

PLATFORMS = ("egl", "osmesa")

# A free camera to the right of the robot: it sees the fronts of doors, drawers and windows, and is upright,
# while Meta-World's own corner cameras are upside down.
_LOOK_AT_METRES = (0.04, 0.62, 0.15)
_DISTANCE_METRES = 1.3
_AZIMUTH_DEGREES = 149.0
_ELEVATION_DEGREES = -26.0

_PROBE = "import mujoco; c = mujoco.GLContext(8, 8); c.make_current(); c.free()"


class RenderingError(InvalidConfiguration):
    """This machine cannot render without a display."""


@cache
def rendering_platform() -> str:
    """'egl' or 'osmesa': MUJOCO_GL if set, else the first that works here. See `first_working`."""
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    return first_working((asked,) if asked else PLATFORMS)


def first_working(platforms: Sequence[str]) -> str:
    """The first of the platforms that can render on this machine.

    Raises:
        RenderingError: none can; the message names the faults and what to install.
    """
    faults = []
    for platform in platforms:
        fault = "it needs a display" if platform not in PLATFORMS else _fault(platform)
        if fault is None:
            return platform
        faults.append(f"{platform!r}: {fault}")
    raise RenderingError(
        f"cannot draw without a display ({'; '.join(faults)}); MUJOCO_GL may be unset or one of {PLATFORMS}. "
        "Install what software rendering needs (apt-get install libegl1 libosmesa6), "
        "or turn videos off (evaluation.params.videos: false)"
    )


def _fault(platform: str) -> str | None:
    """Why a platform cannot render; None if it can."""
    probe = subprocess.run(
        [sys.executable, "-c", _PROBE],
        env={**os.environ, "MUJOCO_GL": platform, "PYOPENGL_PLATFORM": platform},
        capture_output=True,
        text=True,
        check=False,
    )
    last_words = probe.stderr.strip().splitlines() or [f"exit status {probe.returncode}"]
    return last_words[-1] if probe.returncode else None


class PictureMaker:
    """Renders one model's environments at one size."""

    def __init__(self, model: Any, size: int) -> None:
        """Square pictures of `size` pixels; RenderingError if this machine cannot render."""
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
        """The current state as (size, size, 3), top row first."""
        self.gl_context.make_current()
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self.model, data, self.options, None, self.camera, everything, self.scene)
        mujoco.mjr_render(self.rectangle, self.scene, self.context)
        picture = np.empty((self.rectangle.height, self.rectangle.width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(picture, None, self.rectangle, self.context)
        return np.ascontiguousarray(picture[::-1])  # OpenGL's first row is the bottom one


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
    """One per model and size; creating one takes a second or more."""
    return PictureMaker(model, size)
