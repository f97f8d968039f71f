"""A robot is what `environments.robots` says: asked by all that builds an environment, never replaced."""

from __future__ import annotations

import numpy as np
import pytest

from collectiverun_trainer.config import ROBOTS, EnvironmentSettings, Task
from collectiverun_trainer.environments import robots
from collectiverun_trainer.environments.factory import make_environment
from collectiverun_trainer.environments.scripted import scripted_action
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.errors import InvalidConfiguration

SETTINGS = EnvironmentSettings(horizon_env_steps=20, goals=2)


def of(robot: str) -> Task:
    """A task as one of a robot that run files may name, whether it is built or not."""
    return Task.model_construct(env="reach-v3", robot=robot)


def test_every_robot_that_a_run_may_name_is_built() -> None:
    assert set(robots.BUILT) == set(ROBOTS)


@pytest.mark.parametrize(
    "build",
    [
        make_environment,
        lambda task: VectorEnvironment([task], SETTINGS),
    ],
    ids=["environment", "vector"],
)
def test_a_robot_that_is_not_built_is_refused(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidConfiguration, match="robot 'ghost' is not built into this trainer"):
        build(of("ghost"))


def test_a_second_robot_is_its_own_and_steps_as_it_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(robots.BUILT, "twin", robots.SAWYER)
    pair = VectorEnvironment([of("sawyer"), of("twin")], SETTINGS)
    obs = pair.reset([1, 1])
    for _ in range(SETTINGS.horizon):
        np.testing.assert_array_equal(obs[0], obs[1])
        obs = pair.step(np.stack([scripted_action(of("twin"), row) for row in obs])).obs
    assert make_environment(of("twin")).robot is robots.SAWYER
