"""MuJoCo, loaded without OpenGL. `environments/__init__.py` does it before anything else can.

MuJoCo binds to the platform in MUJOCO_GL when it is imported: a wrong one, or one without its libraries,
would end phases that draw nothing. `rendering.py` binds to one when something is drawn.
"""

from __future__ import annotations

import os
from typing import Final

GL_VARIABLE: Final = "MUJOCO_GL"


def load_without_gl() -> None:
    """Import MuJoCo for this process and leave the environment as it was."""
    asked = os.environ.get(GL_VARIABLE)
    os.environ[GL_VARIABLE] = "disable"
    try:
        import mujoco  # noqa: F401
    finally:
        if asked is None:
            del os.environ[GL_VARIABLE]
        else:
            os.environ[GL_VARIABLE] = asked
