"""Arms moved by the motors in their joints (`environment.control: joint`): the hand follows, limits hold."""

from __future__ import annotations

import re
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt
import pytest

from collectiverun_trainer.config import ROBOTS, TASK_NAMES, EnvironmentSettings, Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment
from collectiverun_trainer.environments.fast_stepping import FastEnvironment
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.joint_control import LEASH_METRES
from collectiverun_trainer.environments.robots import MODELS
from collectiverun_trainer.environments.robots.arm import read_arm
from collectiverun_trainer.environments.robots.composing import PREFIX
from collectiverun_trainer.environments.robots.kinematics import (
    HAND_HOME_METRES,
    HAND_QUATERNION,
    ArmKinematics,
    arm_joints,
)
from collectiverun_trainer.environments.robots.model_files import ArmFault, ModelFiles
from collectiverun_trainer.environments.robots.own import adopt
from collectiverun_trainer.environments.robots.servos import GRIPPER_ACTUATORS, missing_limits
from collectiverun_trainer.environments.scripted import scripted_action
from collectiverun_trainer.environments.vector import VectorEnvironment

BY_JOINTS = EnvironmentSettings(horizon_env_steps=500, action_repeat=1, control="joint")
Vector = npt.NDArray[np.float64]


def begun(robot: str, name: str = "reach-v3", goal: int = 0) -> tuple[FastEnvironment, Vector]:
    task = Task(env=name, robot=robot)
    env = make_environment(task, control="joint")
    return env, begin_episode(env, goal_vectors(task, 0, 50)[goal])


def moved(*amounts: float) -> npt.NDArray[np.float32]:
    return np.array([*amounts, -1.0], dtype=np.float32)


def misses(env: FastEnvironment) -> tuple[Vector, float]:
    """Metres and radians by which the hand misses its command."""
    hand, turn = env.data.body("hand"), np.zeros(3)
    mujoco.mju_subQuat(turn, hand.xquat, np.array(HAND_QUATERNION))
    return env.data.mocap_pos[0] - hand.xpos, float(np.linalg.norm(turn))


class Joints:
    """Places of an arm's joints in MuJoCo's arrays, and their limits."""

    def __init__(self, model: Any) -> None:
        joints = arm_joints(model)
        self.places, self.limited = model.jnt_dofadr[joints], model.jnt_limited[joints].astype(bool)
        self.low, self.high = model.jnt_range[joints].T
        self.torque = model.jnt_actfrcrange[joints, 1]
        self.speed = model.actuator_user[GRIPPER_ACTUATORS:, 0]

    def beyond(self, data: Any) -> float:
        """Radians by which a joint is out of its range; negative if none is."""
        angles = data.qpos[self.places]
        return float(np.maximum(self.low - angles, angles - self.high)[self.limited].max())


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_hand_follows_a_line(robot: str) -> None:
    env, obs = begun(robot)
    np.testing.assert_allclose(obs[:3], env.hand_init_pos, atol=0.001)
    aside, turned, line = [], [], moved(0.1, 0.2, -0.05)
    for _ in range(100):
        env.step(line)
        miss, turn = misses(env)
        along = line[:3] / np.linalg.norm(line[:3])
        aside.append(np.linalg.norm(miss - along * (miss @ along)))
        turned.append(turn)
    assert max(aside) < 0.002
    assert max(turned) < np.radians(0.5)
    for _ in range(40):
        env.step(moved(0, 0, 0))
    assert np.linalg.norm(misses(env)[0]) < 0.001


@pytest.mark.parametrize("robot", ROBOTS)
def test_joints_keep_their_limits(robot: str) -> None:
    """Commands here and there through the workspace, over the table, where nothing is touched."""
    env, _ = begun(robot)
    joints, data, generator = Joints(env.model), env.data, np.random.default_rng(0)
    fastest, strongest, beyond = 0.0, 0.0, -np.inf
    for step in range(600):
        if step % 20 == 0:
            action = moved(*np.sign(generator.uniform(-1, 1, 3)))
        env.step(moved(0, 0, 1) if data.body("hand").xpos[2] < 0.25 else action)
        fastest = max(fastest, float((np.abs(data.qvel[joints.places]) / joints.speed).max()))
        strongest = max(strongest, float((np.abs(data.qfrc_actuator[joints.places]) / joints.torque).max()))
        beyond = max(beyond, joints.beyond(data))
    assert sum(warning.number for warning in data.warning) == 0
    assert strongest <= 1.0 + 1e-9
    assert fastest < 1.05  # motors at their torque limit can't brake as the servos are tuned to
    assert beyond < 0.02  # rad: ends of ranges are soft in MuJoCo


@pytest.mark.parametrize("robot", ROBOTS)
def test_motors_are_as_strong_and_fast_as_published(robot: str) -> None:
    env, _ = begun(robot)
    joints = Joints(env.model)
    assert env.model.neq == 0  # no weld
    if robot == "sawyer":
        torques, speeds = [80, 80, 40, 40, 9, 9, 9], [1.74, 1.328, 1.957, 1.957, 3.485, 3.485, 4.545]
    else:
        arm = read_arm(ModelFiles.read(MODELS / f"{robot}.xml"))
        assert missing_limits(arm) == ""
        torques, speeds = [j.torque for j in arm.joints], [j.speed for j in arm.joints]
    assert joints.torque.tolist() == torques
    assert joints.speed.tolist() == speeds


def test_sawyer_has_a_home_over_the_table() -> None:
    kinematics = ArmKinematics(begun("sawyer")[0].model)
    posture = kinematics.posture(kinematics.home, np.array(HAND_HOME_METRES))
    assert posture.reaches(0.001, 0.001)
    assert (kinematics.low < kinematics.home).all() and (kinematics.home < kinematics.high).all()


def ends_at(robot: str, goal: tuple[float, float, float]) -> float:
    """Metres between the hand and a goal after 200 env steps towards it."""
    env, obs = begun(robot)
    for _ in range(200):
        obs = env.step(moved(*np.clip(20 * (goal - obs[:3]), -1, 1)))[0]
    return float(np.linalg.norm(obs[:3] - goal))


@pytest.mark.parametrize("robot", ["panda", "ur5e", "xarm7"])
def test_a_goal_out_of_an_arms_reach_is_not_reached(robot: str) -> None:
    """In the far corner of what Meta-World lets hands go to; a longer arm goes there."""
    corner = (0.5, 0.95, 0.3)
    assert ends_at("ur10e", corner) < 0.01
    assert ends_at(robot, corner) > 0.04


def test_a_command_waits_for_the_hand_on_its_leash() -> None:
    env, obs = begun("panda")
    for _ in range(80):  # down, onto the table
        obs = env.step(moved(0, 0, -1))[0]
    assert np.linalg.norm(misses(env)[0]) <= LEASH_METRES + 0.02
    floor = obs[2]
    for _ in range(12):
        obs = env.step(moved(0, 0, 1))[0]
    assert obs[2] > floor + 0.01


@pytest.mark.parametrize("name", ["reach-v3", "drawer-close-v3"])
@pytest.mark.parametrize("robot", ROBOTS)
def test_the_script_solves_tasks(name: str, robot: str) -> None:
    env, obs = begun(robot, name, 3)
    task, solved = Task(env=name, robot=robot), False
    for _ in range(300):
        obs, _, _, _, info = env.step(scripted_action(task, obs))
        solved = solved or info["success"] > 0
    assert solved


@pytest.mark.parametrize(
    ("name", "robot"), [(name, ROBOTS[n % len(ROBOTS)]) for n, name in enumerate(TASK_NAMES)]
)
def test_episodes_depend_on_their_goal_and_actions_alone(name: str, robot: str) -> None:
    """In every task of Meta-World, beside an instance with another goal that shares the model."""
    task = Task(env=name, robot=robot)
    actions = np.random.default_rng(1).uniform(-1, 1, (30, 4)).astype(np.float32)

    def episode(environment: VectorEnvironment, beside: int) -> npt.NDArray[np.float32]:
        seen = [environment.reset([0, beside])[0]]
        seen += [environment.step(np.stack([act, -act])).obs[0] for act in actions]
        return np.stack(seen)

    environment = VectorEnvironment([task], BY_JOINTS, copies=2)
    first = episode(environment, beside=1)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(episode(environment, beside=2), first)


def test_an_episode_of_six_joints_leaves_objects_where_tasks_look_for_them() -> None:
    hand = make_environment(Task(env="push-v3", robot="ur5e"))
    goal = goal_vectors(Task(env="push-v3"), 0, 1)[0]
    begin_episode(hand, goal)
    env, _ = begun("ur5e", "push-v3")
    assert env.model.nq == hand.model.nq
    np.testing.assert_allclose(env.data.qpos[9:], hand.data.qpos[9:], atol=1e-3)
    names = [env.model.actuator(a).name for a in range(GRIPPER_ACTUATORS, env.model.nu)]
    assert all(name.startswith(PREFIX) for name in names) and len(names) == 6


def test_a_load_needs_strong_motors() -> None:
    """What the hand holds is on its motors: 12 kg, which one maker's arm may carry, and the other's not."""
    sunk = {}
    for robot in ("viperx", "ur10e"):
        env, obs = begun(robot)
        env.data.xfrc_applied[env.model.body("hand").id, 2] = -9.81 * 12
        for _ in range(80):
            obs = env.step(moved(0, 0, 0))[0]
        sunk[robot] = env.data.mocap_pos[0, 2] - obs[2]
    assert sunk["ur10e"] < 0.02 < 0.05 < sunk["viperx"]


def test_what_it_needs_of_an_arm_changes_nothing_for_control_by_the_hand() -> None:
    text = (MODELS / "z1.xml").read_text()
    stated = text.replace("actuatorfrcrange", 'actuatorgravcomp="true" actuatorfrcrange')
    seen = []
    for model in (stated, re.sub('actuatorfrcrange="[^"]*"', "", text)):
        environment = make_environment(
            Task(env="reach-v3", robot="mine"), adopt(ModelFiles("arm.xml", {"model.xml": model.encode()}))
        )
        begin_episode(environment, goal_vectors(Task(env="reach-v3"), 0, 1)[0])
        seen.append([environment.step(moved(1, 1, -1))[0] for _ in range(20)])
    np.testing.assert_array_equal(*seen)


def test_an_arm_of_ones_own_needs_its_limits_for_it() -> None:
    text = (MODELS / "z1.xml").read_text().replace('<numeric name="speed"', '<numeric name="other"')
    digest = adopt(ModelFiles("arm.xml", {"model.xml": text.encode()}))
    task = Task(env="reach-v3", robot="mine")
    make_environment(task, digest)
    with pytest.raises(
        ArmFault, match=r"^For environment.control joint it lacks the speed limits \(<numeric"
    ):
        make_environment(task, digest, "joint")
