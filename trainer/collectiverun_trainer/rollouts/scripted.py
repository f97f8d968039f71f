"""Meta-World's own scripted policies, as they are and with noise."""

from __future__ import annotations

import numpy as np

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.environments.scripted import scripted_action
from collectiverun_trainer.rollouts.policy import MemorylessPolicy, RandomPolicy


class ScriptedPolicy(MemorylessPolicy):
    """Meta-World's own scripted solution of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def act(self, obs: Array) -> Array:
        """Actions (n, 4) of the script."""
        return np.stack([scripted_action(self.task, row) for row in obs])


class NoisyScriptedPolicy(MemorylessPolicy):
    """A scripted policy mixed with random actions, in a proportion drawn anew for every episode."""

    def __init__(self, task: Task, generator: np.random.Generator) -> None:
        self.script = ScriptedPolicy(task)
        self.random = RandomPolicy(generator)
        self.generator = generator
        self.noise_share = 0.0

    def begin(self, n: int) -> None:
        """New episodes: draw their proportion of noise, the same for all n."""
        self.noise_share = float(self.generator.uniform())

    def act(self, obs: Array) -> Array:
        """Actions (n, 4)."""
        share = self.noise_share
        mixed: Array = (1.0 - share) * self.script.act(obs) + share * self.random.act(obs)
        return mixed.astype(np.float32)
