"""Policies choose actions, batched over episodes that run side by side; the experts, asked as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.factory import scripted_action
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, Array, scale_obs
from collectiverun_trainer.environments.vector import Integers
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import ArtifactReference
from collectiverun_trainer.sac.networks import StackedMLP, State, TwinCritics, gaussian_head, stack, take

SCRIPTED_LOG_STD = -1.0
SCRIPTED_ACTION_LIMIT = 0.99  # the arc tangent of a full action is infinite


class Policy(Protocol):
    """Chooses the actions of n episodes that run side by side, in rows task by task."""

    def begin(self, n: int) -> None:
        """n new episodes start; whatever was remembered of earlier ones is forgotten."""

    def act(self, obs: Array) -> Array:
        """Deterministic actions (n, 4) in [-1, 1] for raw observations (n, 39)."""

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed: the obs (n, 39) it was taken at, its action (n, 4), its reward (n,)."""


class MemorylessPolicy:
    """Base of policies that look at the present observation only."""

    def begin(self, n: int) -> None:
        """Nothing to forget."""

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """Nothing to remember."""


class ScriptedPolicy(MemorylessPolicy):
    """Meta-World's own scripted solution of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def act(self, obs: Array) -> Array:
        """Actions (n, 4) of the script."""
        return np.stack([scripted_action(self.task, row) for row in obs])


class RandomPolicy(MemorylessPolicy):
    """Uniform actions from a generator."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def act(self, obs: Array) -> Array:
        """Actions (n, 4), uniform in [-1, 1]."""
        return self.generator.uniform(-1.0, 1.0, (len(obs), ACTION_SIZE)).astype(np.float32)


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
        """Each policy is told of its own rows."""
        shares = zip(self._split(obs), self._split(action), self._split(reward), strict=True)
        for policy, share in zip(self.policies, shares, strict=True):
            policy.observe(*share)

    def _split(self, rows: Array) -> list[Array]:
        return np.split(rows, len(self.policies))


class ExpertPolicy(MemorylessPolicy):
    """The mean action of one trained expert's actor, a stack of one."""

    def __init__(self, actor: StackedMLP, device: torch.device) -> None:
        self.actor, self.device = actor, device

    @torch.no_grad()
    def act(self, obs: Array) -> Array:
        """Actions (n, 4) in (-1, 1)."""
        mu, _ = gaussian_head(self.actor(scale_obs(torch.from_numpy(obs).to(self.device))[None]))
        action: Array = torch.tanh(mu[0]).cpu().numpy()
        return action


class StackedExperts(Protocol):
    """All experts of a run, asked at once: expert `task_index[r]` answers for row r."""

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
        actor = StackedMLP(1, OBS_SIZE, self.hidden_sizes, 2 * ACTION_SIZE).to(self.device)
        actor.load_state_dict(take(self.actor.state_dict(), [self.tasks.index(task)]))
        return ExpertPolicy(actor, self.device)

    def _grouped(self, task_index: Integers, slots: Integers, rows: Array) -> Tensor:
        """Rows (n, size) as (experts, most rows of an expert, size), zeros where an expert has fewer."""
        grouped = np.zeros((len(self.tasks), int(slots.max()) + 1, rows.shape[-1]), dtype=np.float32)
        grouped[task_index, slots] = rows
        return torch.from_numpy(grouped).to(self.device)


def _slots(task_index: Integers, experts: int) -> Integers:
    """Each row's place among the rows of its expert."""
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


def load_experts(
    inputs: Sequence[tuple[ArtifactReference, Artifact]], device: torch.device | None = None
) -> tuple[StackedExperts, tuple[Task, ...]]:
    """All experts of the artifacts of phase `experts`, and their tasks in the order of the inputs.

    Raises:
        InputInvalid: a file is missing or damaged, or the experts are not of one kind and one size.
    """
    found = [(task, artifact) for reference, artifact in inputs for task in reference.tasks]
    tasks = tuple(task for task, _ in found)
    documents = [artifact.read_json(f"{task.name}/policy.json") for task, artifact in found]
    builds = [
        {k: document.get(k) for k in ("kind", "hiddenSizes", "criticLayerNorm")} for document in documents
    ]
    if any(build != builds[0] for build in builds):
        raise InputInvalid(f"the experts cannot be stacked, they differ in kind or size: {builds}")
    if builds[0]["kind"] == "scripted":
        return ScriptedExperts(tasks), tasks
    return _trained(found, builds[0], device or torch.device("cpu")), tasks


def _trained(
    found: Sequence[tuple[Task, Artifact]], build: dict[str, Any], device: torch.device
) -> TrainedExperts:
    tasks = [task for task, _ in found]
    actors = [artifact.read_tensors(f"{task.name}/policy.safetensors") for task, artifact in found]
    critics = [artifact.read_tensors(f"{task.name}/critic.safetensors") for task, artifact in found]
    sizes, layer_norm = build["hiddenSizes"], build["criticLayerNorm"]
    try:
        return TrainedExperts(tasks, sizes, layer_norm, actors, critics, device)
    except (RuntimeError, TypeError, KeyError) as error:
        raise InputInvalid(f"the experts' networks do not fit their policy.json {build}: {error}") from error
