"""What the parts of an observation are, and that compressing and scaling keep to them."""

from __future__ import annotations

import numpy as np
import torch

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.observation import (
    COMPRESSED_SIZE,
    OBS_MEAN,
    OBS_SIZE,
    OBS_SPREAD,
    compress,
    scale_obs,
)
from collectiverun_trainer.environments.vector import VectorEnvironment


def test_second_half_is_the_frame_one_env_step_before() -> None:
    environment = VectorEnvironment(
        [Task(env="push-v3")], EnvironmentSettings(horizon_env_steps=100, action_repeat=1)
    )
    obs = environment.reset([0])
    np.testing.assert_array_equal(obs[:, :18], obs[:, 18:36])
    following = environment.step(np.array([[1.0, -1.0, 0.5, 1.0]])).obs
    np.testing.assert_array_equal(following[:, 18:36], obs[:, :18])
    assert not np.array_equal(following[:, :18], obs[:, :18])


def test_compressed_is_present_frame_and_goal_for_arrays_and_tensors() -> None:
    obs = np.arange(2 * 3 * OBS_SIZE, dtype=np.float32).reshape(2, 3, OBS_SIZE)
    compressed = compress(obs)
    assert compressed.shape == (2, 3, COMPRESSED_SIZE)
    np.testing.assert_array_equal(compressed[0, 0], [*range(18), 36, 37, 38])
    np.testing.assert_array_equal(compress(torch.from_numpy(obs)).numpy(), compressed)


def test_scaling_is_one_fixed_affine_map_of_every_number() -> None:
    assert len(OBS_MEAN) == len(OBS_SPREAD) == OBS_SIZE
    mean, spread = torch.tensor(OBS_MEAN), torch.tensor(OBS_SPREAD)
    obs = torch.stack([mean, mean + spread, mean - 2 * spread])
    expected = torch.tensor([[0.0], [1.0], [-2.0]]).expand(3, OBS_SIZE)
    torch.testing.assert_close(scale_obs(obs), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(scale_obs(obs.double()), expected.double(), rtol=1e-5, atol=1e-5)


def test_scaled_observations_of_different_tasks_are_of_order_one() -> None:
    tasks = [Task(env=f"{name}-v3") for name in ("reach", "drawer-close", "door-close", "peg-insert-side")]
    obs = VectorEnvironment(tasks, EnvironmentSettings(), copies=3).reset([0, 1, 2] * 4)
    assert scale_obs(torch.from_numpy(obs)).abs().max() < 5.0
