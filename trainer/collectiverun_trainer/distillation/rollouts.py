"""All tasks played side by side, every decision labelled by its task's expert."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.collective.network import CollectivePolicy
from collectiverun_trainer.distillation.online_buffer import OnlineBuffer
from collectiverun_trainer.distillation.rows import Labelled
from collectiverun_trainer.distillation.schedule import COLLECTIVE, RANDOM, Schedule
from collectiverun_trainer.environments.observation import ACTION_SIZE, Array
from collectiverun_trainer.environments.vector import Integers, VectorEnvironment
from collectiverun_trainer.rollouts.policy import StackedExperts
from collectiverun_trainer.seeding import numpy_generator, torch_generator

PHASE = "onlineDistillation"


class Rollouts:
    """Plays the schedule's rounds and fills the online buffer.

    Random numbers of a round come from generators of that round alone, so nothing of them needs saving.
    """

    def __init__(
        self,
        environment: VectorEnvironment,
        experts: StackedExperts,
        collective: CollectivePolicy,
        buffer: OnlineBuffer,
        seed: int,
    ) -> None:
        self.environment, self.experts, self.collective = environment, experts, collective
        self.buffer, self.seed = buffer, seed
        self.goals = round_goals(environment, buffer.schedule, seed)

    def play(self) -> Iterator[int]:
        """The next round, one decision at a time; the caller may learn in between. Yields its index."""
        index, schedule = self.buffer.rounds, self.buffer.schedule
        source = schedule.source(index)
        generator = torch_generator(self.seed, PHASE, None, f"acting in round {index}")
        noise_scale = torch.from_numpy(schedule.noise(index)).repeat(len(self.environment.tasks))[:, None]
        goals = self.goals[index]
        obs = self.environment.reset(goals)
        self.collective.begin(len(self.environment))
        for decision in range(self.environment.settings.horizon):
            z = self.collective.embed()
            noise = torch.randn(len(obs), ACTION_SIZE, generator=generator) * noise_scale
            action = self._act(source, obs, z, noise, generator)
            labelled = self._label(obs, action, z)
            step = self.environment.step(action)
            self.collective.observe(obs, action, step.reward)
            success = torch.from_numpy(step.success_end.astype(np.float32))
            self.buffer.put(decision, labelled, torch.from_numpy(step.reward), success)
            obs = step.obs
            yield decision
        self.buffer.end_round(torch.from_numpy(obs), torch.from_numpy(goals))

    def _act(self, source: str, obs: Array, z: Tensor, noise: Tensor, generator: torch.Generator) -> Array:
        """Actions (n, 4): uniform, or a Gaussian's mean with the given noise in units of its σ, squashed."""
        if source == RANDOM:
            return (2 * torch.rand(noise.shape, generator=generator) - 1).numpy()
        if source == COLLECTIVE:
            mu, log_std = self.collective.gaussian(obs, z)
        else:
            mu, log_std = self.experts.gaussian(self.environment.task_index, obs)
        return torch.tanh(mu.cpu() + log_std.cpu().exp() * noise).numpy()

    def _label(self, obs: Array, action: Array, z: Tensor) -> Labelled:
        mu, log_std, q = self.experts.label(self.environment.task_index, obs, action)
        device = z.device
        return Labelled(
            torch.from_numpy(obs).to(device),
            torch.from_numpy(action).to(device),
            mu.to(device),
            log_std.to(device),
            q[:, None].to(device),
            z,
        )


def round_goals(environment: VectorEnvironment, schedule: Schedule, seed: int) -> Integers:
    """Goals (rounds, n): every task goes through its goals in an order of its own, again and again."""
    goals = environment.settings.goals
    played = np.arange(schedule.rounds * schedule.copies).reshape(schedule.rounds, -1) % goals
    orders = [numpy_generator(seed, PHASE, task, "goals").permutation(goals) for task in environment.tasks]
    return np.concatenate([order[played] for order in orders], axis=1)
