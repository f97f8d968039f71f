"""The collective beside the students: what it would do, how much it counts, and where fine-tuning starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.collective.network import Collective
from collectiverun_trainer.config import StudentsParams, Task
from collectiverun_trainer.environments.observation import ACTION_SIZE, Array
from collectiverun_trainer.rollouts.policy import Policy
from collectiverun_trainer.seeding import torch_generator
from collectiverun_trainer.students.shaping import BonusSchedule, bonus

PHASE = "students"


class Guidance:
    """The collective watching T episodes side by side, one of each task's student.

    In mode `shaping` it judges the student's actions as long as that counts. In mode `finetune` it acts for
    the student in the first episodes; the mean embedding it has there is where the student starts from.
    """

    def __init__(
        self, collective: Collective, tasks: Sequence[Task], params: StudentsParams, seed: int
    ) -> None:
        self.collective = collective
        self.policy = collective.policy()
        self.tasks, self.seed = tuple(tasks), seed
        self._min_std = params.bonus_min_std
        start_weight = params.start_weight if params.mode == "shaping" else 0.0
        self.schedules = [BonusSchedule(start_weight, params.decay_env_steps) for _ in tasks]
        self._embeddings = torch.zeros(len(tasks), collective.network.embedding_size)
        self._embedded = 0
        self._generators: list[torch.Generator] = []

    def begin(self, episode: int) -> None:
        """The students start episode `episode` of theirs."""
        self.policy.begin(len(self.tasks))
        purpose = f"the collective acts in episode {episode}"
        self._generators = [torch_generator(self.seed, PHASE, task, purpose) for task in self.tasks]

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision of every student is completed: obs (T, 39), action (T, 4), unscaled reward (T,)."""
        self.policy.observe(obs, action, reward)

    def weights(self, env_steps: int) -> Tensor:
        """w (T,) of the bonus after so many env steps of each student."""
        return torch.tensor([schedule.weight(env_steps) for schedule in self.schedules])

    def bonus(self, obs: Array, action: Array) -> Tensor:
        """ρ (T,) in (0, 1] of the students' actions (T, 4) at raw obs (T, 39)."""
        mu, log_std = self.policy.gaussian(obs, self.policy.embed())
        return bonus(torch.from_numpy(action).to(mu.device), mu, log_std, self._min_std).cpu()

    def act(self, obs: Array) -> Array:
        """The collective's own actions (T, 4), sampled; the embeddings it acts on are remembered."""
        z = self.policy.embed()
        mu, log_std = (part.cpu() for part in self.policy.gaussian(obs, z))
        noise = torch.stack([torch.randn(ACTION_SIZE, generator=generator) for generator in self._generators])
        self._embeddings += z.cpu()
        self._embedded += 1
        action: Array = torch.tanh(mu + log_std.exp() * noise).numpy()
        return action

    @property
    def mean_embedding(self) -> Tensor:
        """Mean embedding (T, Z) over the decisions the collective has acted in."""
        return self._embeddings / self._embedded

    def state_dict(self) -> dict[str, Any]:
        """Everything, between episodes."""
        return {
            "schedules": [[schedule.factor, list(schedule.recent)] for schedule in self.schedules],
            "embeddings": self._embeddings,
            "embedded": self._embedded,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        for schedule, (factor, recent) in zip(self.schedules, state["schedules"], strict=True):
            schedule.factor, schedule.recent = factor, tuple(recent)
        self._embeddings, self._embedded = state["embeddings"].clone(), state["embedded"]


class Watched:
    """A policy whose every decision the collective judges; for demonstrations, which earn the bonus too."""

    def __init__(self, policy: Policy, guidance: Guidance) -> None:
        self.policy, self.guidance = policy, guidance
        self.bonuses: list[Tensor] = []

    def begin(self, n: int) -> None:
        """n new episodes start."""
        self.policy.begin(n)
        self.guidance.begin(0)

    def act(self, obs: Array) -> Array:
        """The policy's actions (n, 4), judged."""
        action = self.policy.act(obs)
        self.bonuses.append(self.guidance.bonus(obs, action))
        return action

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed."""
        self.policy.observe(obs, action, reward)
        self.guidance.observe(obs, action, reward)
