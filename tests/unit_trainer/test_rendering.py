"""Pictures without a display: right side up, and a clear word where none can be drawn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.rendering import RenderingError, first_working, rendering_platform
from collectiverun_trainer.environments.vector import VectorEnvironment

SIZE = 160


def finger_position(picture: np.ndarray) -> np.ndarray:
    """Mean (row, column) of the gripper's cyan finger; nothing else has its colour."""
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    found = np.argwhere((blue - red > 100) & (green - red > 100))
    assert len(found) > 5
    return found.mean(axis=0)


def test_pictures_are_upright_and_not_mirrored() -> None:
    environment = VectorEnvironment([Task(env="reach-v3")], EnvironmentSettings(action_repeat=10))
    places = {}
    for name, move in {"up": (0, 0, 1), "down": (0, 0, -1), "away": (0, 1, 0), "home": (0, -1, 0)}.items():
        environment.reset([0])
        for _ in range(2):
            environment.step(np.array([[*move, 1.0]]))
        places[name] = finger_position(environment.render(0, SIZE))
    assert places["up"][0] < places["down"][0] - 5  # rows count from the top
    assert places["away"][1] > places["home"][1] + 5  # the robot stands on the left


def test_each_row_is_drawn_with_its_own_goal() -> None:
    environment = VectorEnvironment([Task(env="drawer-close-v3")], EnvironmentSettings(), copies=2)
    environment.reset([0, 1])
    first, second = environment.render(0, SIZE), environment.render(1, SIZE)
    assert first.shape == (SIZE, SIZE, 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, environment.render(0, SIZE))


def test_drawing_changes_nothing_of_the_episode() -> None:
    action = np.array([[0.3, 0.5, -0.2, 1.0]])
    observed = []
    for draw in (False, True):
        environment = VectorEnvironment([Task(env="hammer-v3")], EnvironmentSettings())
        environment.reset([5])
        if draw:
            environment.render(0, SIZE)
        observed.append(environment.step(action).obs)
    np.testing.assert_array_equal(*observed)


def test_where_nothing_draws_the_error_names_packages() -> None:
    with pytest.raises(RenderingError, match=r"'no_such_gl': .*libegl1 libosmesa6"):
        first_working(["no_such_gl"])


@pytest.mark.parametrize("wish", ["glx", "glfw", "nvidia", "disable", "off", "0"])
def test_what_the_environment_forbids_is_told_without_a_try(
    monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    monkeypatch.setenv("MUJOCO_GL", wish)
    with pytest.raises(RenderingError, match=f"MUJOCO_GL is '{wish}'"):
        rendering_platform.__wrapped__()


@pytest.mark.parametrize("wish", [None, "", "on", "enable"])
def test_a_platform_is_found_when_none_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, wish: str | None
) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    if wish is not None:
        monkeypatch.setenv("MUJOCO_GL", wish)
    assert rendering_platform.__wrapped__() in ("egl", "osmesa")


DRAW = """
from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
environment = VectorEnvironment([Task(env="reach-v3")], EnvironmentSettings())
environment.reset([0])
print(environment.render(0, 32).shape)
"""


@pytest.mark.parametrize("contrary", ["egl", "osmesa", "glx", "nonsense"])
def test_what_is_tried_is_what_draws(contrary: str) -> None:
    """PYOPENGL_PLATFORM may be set for another program."""
    environment = os.environ | {"PYOPENGL_PLATFORM": contrary}
    drawn = subprocess.run(
        [sys.executable, "-c", DRAW], env=environment, capture_output=True, text=True, check=False
    )
    assert drawn.stdout == "(32, 32, 3)\n", drawn.stderr


@pytest.mark.parametrize("wish", ["nvidia", "egl", "disable"])
def test_phases_that_draw_nothing_do_not_load_what_draws(wish: str) -> None:
    program = (
        "import sys, collectiverun_trainer.environments.vector, os;"
        "print('OpenGL' in sys.modules, os.environ['MUJOCO_GL'])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"MUJOCO_GL": wish},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.stdout == f"False {wish}\n", loaded.stderr


def test_a_platform_that_fails_gives_way_to_the_next() -> None:
    works = rendering_platform.__wrapped__()
    assert first_working(("no_such_gl", works)) == works


def test_a_platform_that_hangs_is_given_up_and_the_next_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that sleeps stands in for a driver that hangs; the next may be too slow for this limit too."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\nif sys.orig_argv[-1] == 'hangs': time.sleep(3600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RenderingError, match="'hangs': it did not begin within 1 s; 'no_such_gl': "):
        first_working(("hangs", "no_such_gl"), limit_seconds=1)
