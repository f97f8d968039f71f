"""A window where none can be opened: a sentence, in a process of its own as GLFW remembers its display."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

OPENED = """
import mujoco
from collectiverun_trainer.environments.window import Window
from collectiverun_trainer.errors import Usage

model = mujoco.MjModel.from_xml_string("<mujoco/>")
try:
    Window(model, mujoco.MjData(model))
except Usage as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"DISPLAY": ":4321"}, "X11: Failed to open display :4321"),
        ({}, "X11: The DISPLAY environment variable is missing"),
        (
            {"PYGLFW_LIBRARY": "/nowhere/libglfw.so"},
            "GLFW, the viewer's library, can't be loaded",
        ),
        (
            {"PYGLFW_LIBRARY_VARIANT": "wayland", "WAYLAND_DISPLAY": "none-4321"},
            "Wayland: Failed to connect to display",
        ),
    ],
)
def test_why_no_window_can_be_opened_is_a_sentence(
    variables: dict[str, str], why: str, tmp_path: Path
) -> None:
    environment = os.environ | {
        "PYGLFW_LIBRARY_VARIANT": "x11",
        "MUJOCO_GL": "disabled",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    environment.pop("DISPLAY", None)
    environment |= variables
    done = subprocess.run(
        [sys.executable, "-c", OPENED], capture_output=True, text=True, env=environment, check=False
    )
    expected = f"no window can be opened: {why}; a film (--output FILE) needs no screen\n"
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)
