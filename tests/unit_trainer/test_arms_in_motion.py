"""Arms other than Sawyer in motion: episodes begin as Sawyer's, physics stays sound, scripts succeed."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from collectiverun_trainer.config import ROBOTS, EnvironmentSettings, Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.scripted import scripted_action
from collectiverun_trainer.environments.vector import VectorEnvironment

ARMS = [name for name in ROBOTS if name != "sawyer"]


@pytest.mark.parametrize("robot", ARMS)
def test_an_episode_begins_as_sawyers(robot: str) -> None:
    for name in ("reach-v3", "door-open-v3", "hand-insert-v3"):
        goal = goal_vectors(Task(env=name), 0, 5)[2]
        theirs = begin_episode(make_environment(Task(env=name)), goal)
        ours = begin_episode(make_environment(Task(env=name, robot=robot)), goal)
        np.testing.assert_allclose(ours, theirs, atol=0.008)  # Sawyer's hand hangs 5 mm low, ours does not


@pytest.mark.parametrize("robot", ARMS)
def test_random_actions_leave_the_simulation_sound(robot: str) -> None:
    task, generator = Task(env="push-v3", robot=robot), np.random.default_rng(0)
    env = make_environment(task)
    begin_episode(env, goal_vectors(task, 0, 1)[0])
    model, data = env.model, env.data
    joints = [j for j in range(7) if model.jnt_limited[j]]
    fastest, energy, beyond = 0.0, 0.0, 0.0
    for step in range(500):
        if step % 10 == 0:
            action = generator.uniform(-1, 1, 4).astype(np.float32)
        env.step(action)
        fastest = max(fastest, float(np.abs(data.qvel[:7]).max()))
        inertia = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, inertia, data.qM)
        energy = max(energy, float(data.qvel[:7] @ inertia[:7, :7] @ data.qvel[:7]) / 2)
        angles = data.qpos[joints]
        low, high = model.jnt_range[joints].T
        beyond = max(beyond, float(np.maximum(low - angles, angles - high).max()))
    assert sum(warning.number for warning in data.warning) == 0
    assert fastest < 20  # rad/s
    assert energy < 100  # J, of the arm; 33 kg at 2 m/s have 66
    assert beyond < 0.12  # rad: limits are soft in MuJoCo, and the weld may pull on them


@pytest.mark.parametrize("robot", ARMS)
def test_the_script_solves_tasks(robot: str) -> None:
    tasks = [
        Task(env=f"{name}-v3", robot=robot) for name in ("reach", "pick-place", "window-open", "drawer-open")
    ]
    vector = VectorEnvironment(tasks, EnvironmentSettings(action_repeat=1))
    obs, solved = vector.reset([3, 3, 3, 3]), np.zeros(4, dtype=bool)
    for _ in range(250):
        step = vector.step(np.stack([scripted_action(t, row) for t, row in zip(tasks, obs, strict=True)]))
        obs, solved = step.obs, solved | step.success_any
    assert solved.all()
