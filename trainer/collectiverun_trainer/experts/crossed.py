"""Episodes in which what is done does not tell the task: experts of all tasks and chance take turns.

Experts' own episodes let an encoder know a task by its expert's ways. A policy that does not know the task
yet acts in none of these ways, so an encoder that has seen nothing else misleads it where tasks look alike
(reach and pick-place of Meta-World differ in their rewards alone).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.observation import ACTION_SIZE, Array
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.experts.stacked import StackedExperts
from collectiverun_trainer.replay.episodes import Episodes, concatenate
from collectiverun_trainer.rollouts.recording import record

TURN_DECISIONS = 20
"""Mean length of a turn."""


def crossed_episodes(
    experts: StackedExperts,
    tasks: Sequence[Task],
    settings: EnvironmentSettings,
    count: int,
    generator: np.random.Generator,
) -> Episodes:
    """`count` episodes of each task, on goals drawn at random, without labels.

    Args:
        experts: those of the tasks, in the same order.
        generator: of goals and turns.
    """
    environment = VectorEnvironment(tasks, settings, count)
    goals = generator.integers(settings.goals, size=(len(tasks) * count, 1))
    recording = record(environment, CrossedPolicy(experts, len(tasks), generator), goals)
    return concatenate(
        [
            recording.episodes(index * count + copy, task, "crossed")
            for index, task in enumerate(tasks)
            for copy in range(count)
        ]
    )


class CrossedPolicy:
    """In every row somebody acts for a turn of random length: any task's expert, or chance.

    Args:
        experts: whose Gaussians are sampled.
        tasks: how many experts there are.
        generator: of turns and actions.
    """

    def __init__(self, experts: StackedExperts, tasks: int, generator: np.random.Generator) -> None:
        self._experts, self._tasks, self._generator = experts, tasks, generator

    def begin(self, n: int) -> None:
        """n new episodes start."""
        self._actor = self._generator.integers(self._tasks + 1, size=n)

    def act(self, obs: Array) -> Array:
        """Actions (n, 4)."""
        n = len(obs)
        turns = self._generator.random(n) < 1 / TURN_DECISIONS
        self._actor = np.where(turns, self._generator.integers(self._tasks + 1, size=n), self._actor)
        mu, log_std = self._experts.gaussian(np.minimum(self._actor, self._tasks - 1), obs)
        noise = torch.from_numpy(self._generator.standard_normal((n, ACTION_SIZE), dtype=np.float32))
        sampled = torch.tanh(mu.cpu() + log_std.cpu().exp() * noise).numpy()
        uniform = self._generator.uniform(-1.0, 1.0, (n, ACTION_SIZE)).astype(np.float32)
        by_chance = self._actor == self._tasks
        action: Array = np.where(by_chance[:, None], uniform, sampled)
        return action

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """Nothing is remembered."""
