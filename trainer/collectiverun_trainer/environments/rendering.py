"""Rendering without a display, through EGL or OSMesa.

PyOpenGL binds to one platform per process, so each is first tried in another process, as it is used later.
Shadows, reflections and multi-sampling are off, which makes software rendering ten times cheaper.
"""

from __future__ import annotations

import atexit
import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import mujoco
import numpy as np
import numpy.typing as npt

from collectiverun_trainer.environments.engine import GL_VARIABLE
from collectiverun_trainer.errors import InvalidConfiguration

Picture = npt.NDArray[np.uint8]

PLATFORMS = ("egl", "osmesa")
# What MuJoCo's own documents list for the variable.
_OFF = ("disable", "disabled", "off", "false", "0")
_ON = ("", "enable", "enabled", "on", "true", "1")

# A free camera to the right of the robot: it sees the fronts of doors, drawers and windows, and is upright,
# while Meta-World's own corner cameras are upside down.
_LOOK_AT_METRES = (0.04, 0.62, 0.15)
_DISTANCE_METRES = 1.3
_AZIMUTH_DEGREES = 149.0
_ELEVATION_DEGREES = -26.0

# A broken driver may hang; software rendering on a busy core takes some seconds.
PROBE_SECONDS: Final = 60.0
_PROBE = """
import sys
from collectiverun_trainer.environments import rendering
rendering.gl_context(sys.argv[1], 8).make_current()
"""


class RenderingError(InvalidConfiguration):
    """This machine cannot render without a display."""


def unusable_wish() -> str | None:
    """What MUJOCO_GL forbids, as a sentence; None if it leaves a way to draw. Tries nothing."""
    asked = _asked()
    if asked in _OFF:
        return f"{GL_VARIABLE} is {asked!r}, which turns drawing off"
    if asked in (*_ON, *PLATFORMS):
        return None
    return (
        f"{GL_VARIABLE} is {asked!r}, which can't draw without a display; unset it, or set one of {PLATFORMS}"
    )


@cache
def rendering_platform() -> str:
    """'egl' or 'osmesa': MUJOCO_GL if it names one, else the first that works here. See `first_working`."""
    if fault := unusable_wish():
        raise RenderingError(fault)
    asked = _asked()
    return first_working(PLATFORMS if asked in _ON else (asked,))


def first_working(platforms: Sequence[str], limit_seconds: float = PROBE_SECONDS) -> str:
    """The first of the platforms that can render on this machine.

    Raises:
        RenderingError: none can; the message names the faults and what to install.
    """
    faults = []
    for platform in platforms:
        fault = _fault(platform, limit_seconds)
        if fault is None:
            return platform
        faults.append(f"{platform!r}: {fault}")
    raise RenderingError(
        f"cannot draw without a display ({'; '.join(faults)}); {GL_VARIABLE} may be unset or one of "
        f"{PLATFORMS}. Install what software rendering needs (apt-get install libegl1 libosmesa6), "
        "or turn videos off (evaluation.params.videos: false)"
    )


def gl_context(platform: str, size: int) -> Any:
    """An OpenGL context of a platform; PYOPENGL_PLATFORM, which must agree with it, is set to it."""
    os.environ["PYOPENGL_PLATFORM"] = platform
    return importlib.import_module(f"mujoco.{platform}").GLContext(size, size)


def _asked() -> str:
    return os.environ.get(GL_VARIABLE, "").strip().lower()


def _fault(platform: str, limit_seconds: float) -> str | None:
    """Why a platform cannot render; None if it can."""
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE, platform],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not begin within {limit_seconds:g} s"
    last_words = probe.stderr.strip().splitlines() or [f"exit status {probe.returncode}"]
    return last_words[-1] if probe.returncode else None


class PictureMaker:
    """Renders one model's environments at one size."""

    def __init__(self, model: Any, size: int) -> None:
        """Square pictures of `size` pixels; RenderingError if this machine cannot render."""
        self.model = model
        platform = rendering_platform()
        try:
            self.gl_context = gl_context(platform, size)
            self.gl_context.make_current()
            self.context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        except Exception as error:  # PyOpenGL, MuJoCo and drivers raise whatever they like
            raise RenderingError(f"{platform!r} began, but can't draw this model ({error})") from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self.context)
        self.rectangle = mujoco.MjrRect(0, 0, size, size)
        self.camera = place_camera(mujoco.MjvCamera())
        self.options = mujoco.MjvOption()
        self.scene = mujoco.MjvScene(model, maxgeom=2000)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self.scene.flags[flag.value] = False

    def close(self) -> None:
        """Free what it has of OpenGL; it draws no more."""
        self.gl_context.make_current()
        self.context.free()
        self.gl_context.free()

    def draw(self, data: Any) -> Picture:
        """The current state as (size, size, 3), top row first."""
        self.gl_context.make_current()
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self.model, data, self.options, None, self.camera, everything, self.scene)
        mujoco.mjr_render(self.rectangle, self.scene, self.context)
        picture = np.empty((self.rectangle.height, self.rectangle.width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(picture, None, self.rectangle, self.context)
        return np.ascontiguousarray(picture[::-1])  # OpenGL's first row is the bottom one


def place_camera(camera: Any) -> Any:
    """Let a `mujoco.MjvCamera` look at the task as all our pictures do."""
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE.value
    camera.lookat[:] = _LOOK_AT_METRES
    camera.distance = _DISTANCE_METRES
    camera.azimuth = _AZIMUTH_DEGREES
    camera.elevation = _ELEVATION_DEGREES
    return camera


@cache
def picture_maker(model: Any, size: int) -> PictureMaker:
    """One per model and size, until the process ends; creating one takes a second or more."""
    maker = PictureMaker(model, size)
    # Registered once MuJoCo has registered the end of EGL, and so called before it: a context that is freed
    # later complains of that on standard error.
    atexit.register(maker.close)
    return maker
