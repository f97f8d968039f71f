"""Policies choose the actions of episodes that run side by side, in rows task by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, Array, scale_obs
from collectiverun_trainer.sac.networks import StackedMLP, State, gaussian_head


class Policy(Protocol):
    """Chooses the actions of n episodes that run side by side, in rows task by task."""

    def begin(self, n: int) -> None:
        """n new episodes start; all memory of earlier ones is cleared."""

    def act(self, obs: Array) -> Array:
        """Actions (n, 4) in [-1, 1] for raw observations (n, 39)."""

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed: its obs (n, 39), action (n, 4) and unscaled reward (n,)."""


class MemorylessPolicy:
    """Base of policies that look at the current observation only."""

    def begin(self, n: int) -> None:
        """Nothing to forget."""

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """Nothing to remember."""


class RandomPolicy(MemorylessPolicy):
    """Uniform actions from a generator."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def act(self, obs: Array) -> Array:
        """Actions (n, 4), uniform in [-1, 1]."""
        return self.generator.uniform(-1.0, 1.0, (len(obs), ACTION_SIZE)).astype(np.float32)


class ActorPolicy(MemorylessPolicy):
    """The mean action of one SAC actor, a stack of one."""

    def __init__(self, actor: StackedMLP, device: torch.device) -> None:
        self.actor, self.device = actor, device

    @classmethod
    def of(cls, state: State, hidden_sizes: Sequence[int], device: torch.device) -> ActorPolicy:
        """The policy of an actor's weights. Raises RuntimeError if they do not fit the sizes."""
        actor = StackedMLP(1, OBS_SIZE, hidden_sizes, 2 * ACTION_SIZE).to(device)
        actor.load_state_dict(state)
        return cls(actor, device)

    @torch.no_grad()
    def act(self, obs: Array) -> Array:
        """Actions (n, 4) in (-1, 1)."""
        mu, _ = gaussian_head(self.actor(scale_obs(torch.from_numpy(obs).to(self.device))[None]))
        action: Array = torch.tanh(mu[0]).cpu().numpy()
        return action


class PolicyPerTask:
    """One policy for each task, over rows that lie task by task, equally many of each."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)

    def begin(self, n: int) -> None:
        """Every policy begins n / tasks episodes; ValueError if n does not divide so."""
        rows, rest = divmod(n, len(self.policies))
        if rest:
            raise ValueError(f"{n} rows cannot be shared equally by {len(self.policies)} tasks")
        for policy in self.policies:
            policy.begin(rows)

    def act(self, obs: Array) -> Array:
        """Actions (n, 4), each row by its task's policy."""
        return np.concatenate([p.act(rows) for p, rows in zip(self.policies, self._split(obs), strict=True)])

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """Each policy observes its own rows."""
        shares = zip(self._split(obs), self._split(action), self._split(reward), strict=True)
        for policy, share in zip(self.policies, shares, strict=True):
            policy.observe(*share)

    def _split(self, rows: Array) -> list[Array]:
        return np.split(rows, len(self.policies))
