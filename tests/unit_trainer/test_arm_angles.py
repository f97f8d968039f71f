"""However a file writes its angles, they are the same when its arm is in Sawyer's place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import metaworld
import mujoco
import numpy as np
import pytest

from collectiverun_trainer.environments.robots import MODELS
from collectiverun_trainer.environments.robots.arm import FLANGE, read_arm
from collectiverun_trainer.environments.robots.composing import PREFIX, compose
from collectiverun_trainer.environments.robots.kinematics import ArmKinematics, arm_joints
from collectiverun_trainer.environments.robots.model_files import ModelFiles

REACH = str(Path(metaworld.__file__).with_name("assets") / "sawyer_xyz" / "sawyer_reach_v3.xml")


def in_degrees(text: str) -> str:
    """The same arm as MJCF has it where nothing is said of angles."""

    def degrees(found: re.Match[str]) -> str:
        return f'range="{np.degrees(float(found[1]))} {np.degrees(float(found[2]))}"'

    return re.sub(r'\brange="(\S+) (\S+)"', degrees, text).replace(' angle="radian"', "")


def turned_by_euler_angles(text: str) -> str:
    """Links, the flange and what surrounds them turned in all the ways that MJCF knows."""
    text = in_degrees(text).replace("<compiler", '<compiler eulerseq="zyX"')
    flange = '<site name="attachment_site" pos="0.051 0 0"'
    for old, new in {
        '<body name="link01"': '<body name="link01" euler="4 5 6"',
        '<body name="link03"': '<body name="link03" axisangle="1 1 0 12"',
        '<body name="link04"': '<body name="link04" xyaxes="1 0.1 0 0 1 0"',
        f'{flange} quat="0.7071068 0 0.7071068 0"/>': (
            f'<frame euler="3 0 8">{flange} euler="9 80 1"/></frame>'
        ),
        '<inertial mass="1.19132" ': '<inertial euler="10 20 30" mass="1.19132" ',
    }.items():
        assert old in text
        text = text.replace(old, new)
    return re.sub(r'quat="[^"]*" diag', "diag", text)


def drawn_elsewhere(text: str) -> str:
    return in_degrees(text).replace('name="link02_joint"', 'name="link02_joint" ref="20"')


def off_its_body(text: str) -> str:
    return text.replace('name="link03_joint"', 'name="link03_joint" pos="0.01 0.03 -0.02"')


def as_it_is(text: str) -> str:
    return text


CHANGES = (as_it_is, in_degrees, turned_by_euler_angles, drawn_elsewhere, off_its_body)


@pytest.mark.parametrize("change", CHANGES)
def test_angles_in_place_are_angles_of_the_file(tmp_path: Path, change: Callable[[str], str]) -> None:
    """The home pose is baked into the model; joints' angles and limits mean the same as in the file."""
    whole, file = (MODELS / "z1.xml").read_text(), tmp_path / "arm.xml"
    file.write_text(change(whole))
    assert change is as_it_is or file.read_text() != whole
    alone, arm = mujoco.MjModel.from_xml_path(str(file)), read_arm(ModelFiles.read(file))
    model = compose(REACH, arm)
    place = ArmKinematics(model)
    limited = alone.jnt_limited.astype(bool)
    np.testing.assert_array_equal(model.jnt_limited[arm_joints(model)], limited)
    np.testing.assert_allclose(place.low[limited], alone.jnt_range[limited, 0], atol=1e-12)
    np.testing.assert_allclose(place.high[limited], alone.jnt_range[limited, 1], atol=1e-12)
    np.testing.assert_allclose(place.home, arm.home, atol=1e-12)
    np.testing.assert_allclose(model.body(f"{PREFIX}link02").iquat, alone.body("link02").iquat, atol=1e-12)
    facing = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # turned by 90 degrees
    for turned in (np.zeros(6), np.array([0.1, 0.2, -0.3, 0.1, 0.2, 0.1])):
        data = mujoco.MjData(alone)
        data.qpos[:] = arm.home + turned
        mujoco.mj_kinematics(alone, data)
        place.move(data.qpos)
        standing = facing @ data.site(FLANGE).xpos + arm.mount[:3]
        np.testing.assert_allclose(place.data.site(PREFIX + FLANGE).xpos, standing, atol=1e-9)
        looking = facing @ data.site(FLANGE).xmat.reshape(3, 3)
        np.testing.assert_allclose(hand_frame(place), looking @ hand_frame_at_its_flange(), atol=1e-6)


def hand_frame(place: ArmKinematics) -> Any:
    return place.data.body("right_hand").xmat.reshape(3, 3)


def hand_frame_at_its_flange() -> Any:
    """How Meta-World has its hand in what holds it."""
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, mujoco.MjModel.from_xml_path(REACH).body("right_hand").quat)
    return matrix.reshape(3, 3)
