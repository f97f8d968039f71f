"""A picture of a robot, where an episode of reach-v3 begins."""

from __future__ import annotations

from typing import Final

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.rendering import Picture, PictureMaker

# Farther away than films are taken from: the whole arm is to be seen.
_DISTANCE_METRES: Final = 2.0
_LOOK_AT_METRES: Final = (0.04, 0.4, 0.25)


def portrait(robot: str, pixels: int) -> Picture:
    """Picture (pixels, pixels, 3) of a robot by its name; RenderingError if this machine cannot draw."""
    task = Task(env="reach-v3", robot=robot)
    env = make_environment(task)
    begin_episode(env, goal_vectors(task, 0, 1)[0])
    maker = PictureMaker(env.model, pixels)
    maker.camera.distance, maker.camera.lookat[:] = _DISTANCE_METRES, _LOOK_AT_METRES
    return maker.draw(env.data)
