"""A finished expert as others will read it: its policy, its labels, its files."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from collectiverun_trainer.artifact import ArtifactWriter
from collectiverun_trainer.config import ExpertsParams, Task
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, Array, scale_obs
from collectiverun_trainer.policy import MemorylessPolicy, Policy, ScriptedPolicy
from collectiverun_trainer.sac.networks import StackedMLP, State, TwinCritics, gaussian_head

SCRIPTED_LOG_STD = -1.0
SCRIPTED_ACTION_LIMIT = 0.99  # atanh of a full action is infinite

Labels = tuple[Tensor, Tensor, Tensor]


class FinishedExpert(Protocol):
    """What publishing needs of an expert, whatever its source."""

    task: Task
    policy: Policy

    def label(self, obs: Tensor, action: Tensor) -> Labels:
        """mu, log_std (rows, 4) before squashing at raw obs (rows, 39), and q (rows, 1) of the actions."""

    def write(self, writer: ArtifactWriter) -> None:
        """Add the policy's files below the task's folder."""


class SACExpert(MemorylessPolicy):
    """The best networks of a trained expert; its policy takes the Gaussian's mean."""

    def __init__(self, task: Task, params: ExpertsParams, actor: State, critics: State) -> None:
        self.task, self.params = task, params
        self.policy: Policy = self
        self.actor = StackedMLP(1, OBS_SIZE, params.hidden_sizes, 2 * ACTION_SIZE)
        self.critics = TwinCritics(1, OBS_SIZE + ACTION_SIZE, params.hidden_sizes, params.critic_layer_norm)
        self.actor.load_state_dict(actor)
        self.critics.load_state_dict(critics)

    @torch.no_grad()
    def act(self, obs: Array) -> Array:
        """Actions (n, 4) in (-1, 1) at raw observations (n, 39)."""
        mu, _ = gaussian_head(self.actor(scale_obs(torch.from_numpy(obs)).unsqueeze(0)))
        action: Array = torch.tanh(mu).squeeze(0).numpy()
        return action

    @torch.no_grad()
    def label(self, obs: Tensor, action: Tensor) -> Labels:
        """mu, log_std and the smaller critic, see `FinishedExpert.label`; q in units of the scaled reward."""
        scaled = scale_obs(obs).unsqueeze(0)
        mu, log_std = gaussian_head(self.actor(scaled))
        q = self.critics(scaled, action.unsqueeze(0)).amin(1)
        return mu.squeeze(0), log_std.squeeze(0), q.squeeze(0).unsqueeze(-1)

    def write(self, writer: ArtifactWriter) -> None:
        """policy.safetensors, critic.safetensors and policy.json, which says how to build the networks."""
        writer.add_tensors(f"{self.task.name}/policy.safetensors", self.actor.state_dict())
        writer.add_tensors(f"{self.task.name}/critic.safetensors", self.critics.state_dict())
        document = {
            "kind": "sac",
            "task": self.task.model_dump(mode="json"),
            "obsSize": OBS_SIZE,
            "hiddenSizes": list(self.params.hidden_sizes),
            "criticLayerNorm": self.params.critic_layer_norm,
            "rewardScale": self.params.reward_scale,
            "discount": self.params.discount,
        }
        writer.add_json(f"{self.task.name}/policy.json", document)


class ScriptedExpert:
    """Meta-World's scripted policy in an expert's place: a mean, but no spread and no critic of its own."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.policy: Policy = ScriptedPolicy(task)

    def label(self, obs: Tensor, action: Tensor) -> Labels:
        """mu = atanh of the script's action, a fixed log_std, q = 0."""
        wanted = torch.from_numpy(self.policy.act(obs.numpy()))
        mu = torch.atanh(wanted.clamp(-SCRIPTED_ACTION_LIMIT, SCRIPTED_ACTION_LIMIT))
        return mu, torch.full_like(mu, SCRIPTED_LOG_STD), torch.zeros(len(mu), 1)

    def write(self, writer: ArtifactWriter) -> None:
        """policy.json alone: the policy is code."""
        document = {"kind": "scripted", "task": self.task.model_dump(mode="json")}
        writer.add_json(f"{self.task.name}/policy.json", document)
