"""A window in which an environment is watched as it is stepped: MuJoCo's own viewer."""

from __future__ import annotations

import sys
import threading
import time
from importlib import import_module
from types import ModuleType
from typing import Any

from collectiverun_trainer.environments.rendering import place_camera
from collectiverun_trainer.errors import Usage


class Window:
    """MuJoCo's passive viewer of one environment. Use it as a context.

    The mouse turns the camera. What is dragged with it is really pushed: that is another episode then.
    """

    def __init__(self, model: Any, data: Any) -> None:
        """Open the window. Raises Usage where that is not possible."""
        if fault := _no_window():
            raise Usage(f"no window can be opened: {fault}; a film (--output FILE) needs no screen")
        import mujoco.viewer  # late: it binds to the display

        before = set(threading.enumerate())
        self._viewer = mujoco.viewer.launch_passive(model, data, show_left_ui=False, show_right_ui=False)
        self._threads = set(threading.enumerate()) - before
        self._next = time.monotonic()
        with self._viewer.lock():
            place_camera(self._viewer.cam)

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the window, or wait until whoever closed it has it closed.

        The viewer's threads draw on for a moment. A process that ends in it takes GLFW from under them, and
        is killed by that (MuJoCo 3.3.0).
        """
        self._viewer.close()
        for thread in self._threads:
            thread.join()

    @property
    def is_open(self) -> bool:
        """False once it was closed."""
        return bool(self._viewer.is_running())

    def show(self, seconds: float) -> None:
        """Draw the environment as it is now; wait until `seconds` have passed since what was shown before."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = max(self._next, time.monotonic() - seconds) + seconds
        self._viewer.sync()


def _no_window() -> str:
    """Why this process can open no window; empty if it can. The viewer itself would wait for ever."""
    if sys.platform == "darwin":
        return "on macOS MuJoCo's viewer needs its own program, mjpython"
    try:
        # Late, as the viewer: nothing else needs a display. By name, as its type hints are wrong.
        glfw = import_module("glfw")
    except ImportError:
        return "GLFW, the viewer's library, can't be loaded"
    told: list[str] = []
    glfw.set_error_callback(lambda _, sentence: told.append(sentence.decode(errors="replace")))
    try:
        return "" if _opens(glfw) else (told or ["GLFW does not say why"])[-1]
    finally:
        glfw.set_error_callback(None)


def _opens(glfw: ModuleType) -> bool:
    """Whether a window can be made, by making one. GLFW also tells of what hinders none."""
    if not glfw.init():
        return False
    glfw.window_hint(glfw.VISIBLE, False)
    window = glfw.create_window(64, 64, "", None, None)
    glfw.default_window_hints()
    if not window:
        return False
    glfw.destroy_window(window)
    return True
