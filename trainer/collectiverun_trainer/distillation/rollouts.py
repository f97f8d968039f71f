"""All tasks played side by side, every decision labelled by its task's expert."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.collective.policy import CollectivePolicy
from collectiverun_trainer.config import Phase
from collectiverun_trainer.distillation.online_buffer import OnlineBuffer
from collectiverun_trainer.distillation.rows import Labelled
from collectiverun_trainer.distillation.schedule import COLLECTIVE, RANDOM, Schedule
from collectiverun_trainer.environments.observation import ACTION_SIZE, Array, Integers
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.experts.stacked import StackedExperts
from collectiverun_trainer.rollouts.play import play
from collectiverun_trainer.seeding import numpy_generator, torch_generator

PHASE: Phase = "onlineDistillation"


class Rollouts:
    """Plays the schedule's rounds and fills the online buffer.

    Random numbers of a round come from generators of that round alone, so none needs to be saved.
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

    def play_round(self) -> Iterator[int]:
        """The next round, one decision at a time; the caller may learn in between. Yields its index."""
        index, schedule = self.buffer.rounds, self.buffer.schedule
        generator = torch_generator(self.seed, PHASE, None, f"acting in round {index}")
        noise = torch.from_numpy(schedule.noise(index)).repeat(len(self.environment.tasks))[:, None]
        task_index = self.environment.task_index
        policy = LabellingPolicy(
            schedule.source(index), self.experts, self.collective, task_index, noise, generator
        )
        goals = self.goals[index]
        for number, decision in enumerate(play(self.environment, policy, goals)):
            success = torch.from_numpy(decision.success_end.astype(np.float32))
            self.buffer.put(number, policy.labelled, torch.from_numpy(decision.reward), success)
            last_obs = decision.next_obs
            yield number
        self.buffer.end_round(torch.from_numpy(last_obs), torch.from_numpy(goals))


class LabellingPolicy:
    """The acting policy of a round; the experts label each of its decisions.

    Args:
        source: who acts, as in `schedule`.
        task_index: task of each row (n,).
        noise: factor (n, 1) on the σ of the acting policy.
        generator: of the round's random numbers.
    """

    labelled: Labelled
    """The latest decision."""

    def __init__(
        self,
        source: str,
        experts: StackedExperts,
        collective: CollectivePolicy,
        task_index: Integers,
        noise: Tensor,
        generator: torch.Generator,
    ) -> None:
        self.source, self.experts, self.collective = source, experts, collective
        self.task_index, self.noise, self.generator = task_index, noise, generator

    def begin(self, n: int) -> None:
        """n new episodes start."""
        self.collective.begin(n)

    def act(self, obs: Array) -> Array:
        """Actions (n, 4), labelled."""
        z = self.collective.embed()
        noise = torch.randn(len(obs), ACTION_SIZE, generator=self.generator) * self.noise
        action = self._choose(obs, z, noise)
        self.labelled = self._label(obs, action, z)
        return action

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed."""
        self.collective.observe(obs, action, reward)

    def _choose(self, obs: Array, z: Tensor, noise: Tensor) -> Array:
        """Actions (n, 4): uniform, or a Gaussian's mean with the given noise in units of its σ, squashed."""
        if self.source == RANDOM:
            return (2 * torch.rand(noise.shape, generator=self.generator) - 1).numpy()
        if self.source == COLLECTIVE:
            mu, log_std = self.collective.gaussian(obs, z)
        else:
            mu, log_std = self.experts.gaussian(self.task_index, obs)
        return torch.tanh(mu.cpu() + log_std.cpu().exp() * noise).numpy()

    def _label(self, obs: Array, action: Array, z: Tensor) -> Labelled:
        mu, log_std, q = self.experts.label(self.task_index, obs, action)
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
    """Goals (rounds, n): every task cycles through its goals in its own random order."""
    goals = environment.settings.goals
    played = np.arange(schedule.rounds * schedule.copies).reshape(schedule.rounds, -1) % goals
    orders = [numpy_generator(seed, PHASE, task, "goals").permutation(goals) for task in environment.tasks]
    return np.concatenate([order[played] for order in orders], axis=1)
