"""All experts of a run as one batch: trained networks stacked, or scripted policies in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.factory import scripted_action
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, Array, scale_obs
from collectiverun_trainer.environments.vector import Integers
from collectiverun_trainer.rollouts.policy import ActorPolicy, Policy
from collectiverun_trainer.rollouts.scripted import ScriptedPolicy
from collectiverun_trainer.sac.networks import StackedMLP, State, TwinCritics, gaussian_head, stack, take

SCRIPTED_LOG_STD = -1.0
SCRIPTED_ACTION_LIMIT = 0.99  # atanh of a full action is infinite


class StackedExperts(Protocol):
    """All experts of a run as one batch: row r is answered by expert `task_index[r]`."""

    has_critic: bool

    def gaussian(self, task_index: Integers, obs: Array) -> tuple[Tensor, Tensor]:
        """mu and log_std (n, 4) before squashing, for rows (n,) and raw observations (n, 39)."""

    def label(self, task_index: Integers, obs: Array, action: Array) -> tuple[Tensor, Tensor, Tensor]:
        """mu, log_std (n, 4) and q (n,) of the actions (n, 4) taken, in units of the scaled reward."""

    def policy_for(self, task: Task) -> Policy:
        """One task's expert alone; KeyError if there is none."""


class TrainedExperts:
    """Experts from SAC, evaluated as one stack of networks."""

    has_critic = True

    def __init__(
        self,
        tasks: Sequence[Task],
        hidden_sizes: Sequence[int],
        critic_layer_norm: bool,
        actors: Sequence[State],
        critics: Sequence[State],
        device: torch.device,
    ) -> None:
        """One actor state and one state of twin critics for each task; RuntimeError where sizes differ."""
        self.tasks, self.hidden_sizes, self.device = tuple(tasks), tuple(hidden_sizes), device
        count = len(self.tasks)
        self.actor = StackedMLP(count, OBS_SIZE, hidden_sizes, 2 * ACTION_SIZE).to(device)
        self.critics = TwinCritics(count, OBS_SIZE + ACTION_SIZE, hidden_sizes, critic_layer_norm).to(device)
        self.actor.load_state_dict(stack(actors))
        self.critics.load_state_dict(stack(critics))

    @torch.no_grad()
    def gaussian(self, task_index: Integers, obs: Array) -> tuple[Tensor, Tensor]:
        """See `StackedExperts.gaussian`."""
        slots = _slots(task_index, len(self.tasks))
        mu, log_std = gaussian_head(self.actor(scale_obs(self._grouped(task_index, slots, obs))))
        return mu[task_index, slots], log_std[task_index, slots]

    @torch.no_grad()
    def label(self, task_index: Integers, obs: Array, action: Array) -> tuple[Tensor, Tensor, Tensor]:
        """See `StackedExperts.label`; q is the smaller of the two critics."""
        slots = _slots(task_index, len(self.tasks))
        scaled = scale_obs(self._grouped(task_index, slots, obs))
        mu, log_std = gaussian_head(self.actor(scaled))
        q = self.critics(scaled, self._grouped(task_index, slots, action)).amin(1)
        return mu[task_index, slots], log_std[task_index, slots], q[task_index, slots]

    def policy_for(self, task: Task) -> Policy:
        """See `StackedExperts.policy_for`."""
        if task not in self.tasks:
            raise KeyError(task.name)
        state = take(self.actor.state_dict(), [self.tasks.index(task)])
        return ActorPolicy.of(state, self.hidden_sizes, self.device)

    def _grouped(self, task_index: Integers, slots: Integers, rows: Array) -> Tensor:
        """Rows (n, size) as (experts, most rows of an expert, size), zeros where an expert has fewer."""
        grouped = np.zeros((len(self.tasks), int(slots.max()) + 1, rows.shape[-1]), dtype=np.float32)
        grouped[task_index, slots] = rows
        return torch.from_numpy(grouped).to(self.device)


def _slots(task_index: Integers, experts: int) -> Integers:
    """Index of each row among the rows of its expert."""
    counts = np.bincount(task_index, minlength=experts)
    slots = np.empty_like(task_index)
    order = np.argsort(task_index, kind="stable")
    slots[order] = np.arange(len(task_index)) - np.repeat(counts.cumsum() - counts, counts)
    return slots


class ScriptedExperts:
    """Scripted policies in the experts' place: a mean, a fixed spread, no critic."""

    has_critic = False

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tuple(tasks)

    def gaussian(self, task_index: Integers, obs: Array) -> tuple[Tensor, Tensor]:
        """mu = atanh of the script's action, clipped; log_std is SCRIPTED_LOG_STD."""
        actions = [scripted_action(self.tasks[t], row) for t, row in zip(task_index, obs, strict=True)]
        action = torch.from_numpy(np.stack(actions))
        mu = torch.atanh(action.clamp(-SCRIPTED_ACTION_LIMIT, SCRIPTED_ACTION_LIMIT))
        return mu, torch.full_like(mu, SCRIPTED_LOG_STD)

    def label(self, task_index: Integers, obs: Array, action: Array) -> tuple[Tensor, Tensor, Tensor]:
        """See `StackedExperts.label`; q is 0."""
        return *self.gaussian(task_index, obs), torch.zeros(len(obs))

    def policy_for(self, task: Task) -> Policy:
        """See `StackedExperts.policy_for`."""
        if task not in self.tasks:
            raise KeyError(task.name)
        return ScriptedPolicy(task)
