"""Pictures without a display: right side up, and a clear word where none can be drawn."""

from __future__ import annotations

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
    with pytest.raises(RenderingError, match=r"'glfw': it needs a display.*libegl1 libosmesa6"):
        first_working(["glfw"])


def test_the_environments_choice_of_platform_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "glx")
    with pytest.raises(RenderingError, match="glx"):
        rendering_platform.__wrapped__()


def test_a_platform_is_found_when_none_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    assert rendering_platform.__wrapped__() in ("egl", "osmesa")
