"""E soft actor-critics trained as one: acting, one gradient step, exact state."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, scale_obs
from collectiverun_trainer.sac import losses
from collectiverun_trainer.sac.networks import StackedMLP, State, TwinCritics, gaussian_head, take
from collectiverun_trainer.sac.optimiser import (
    Adam,
    load_optimiser_state,
    optimiser_state,
    take_optimiser_state,
)

# With few rows, BLAS takes a path whose rounding depends on where a slice lies in memory, hence on the other
# experts. A few more rows cost nothing measurable and make every expert's bits independent of the others.
_MIN_ROWS = 8

_MODULES = ("actor", "critics", "target_critics")
_GENERATORS = ("exploration", "noise")


@dataclass(frozen=True)
class Batch:
    """Transitions of E experts, B each: unscaled observations and rewards as stored in the replay.

    Time limits are truncations and Meta-World never terminates, so there is no terminal flag: `next_obs` is
    the true next observation and its value always bootstraps.
    """

    obs: Tensor  # (E, B, O)
    action: Tensor  # (E, B, A)
    reward: Tensor  # (E, B)
    next_obs: Tensor  # (E, B, O)
    bonus: Tensor | None = None  # (E, B), kept apart from the reward


class StackedSAC:
    """E experts in one stack of networks, each with its own weights, generators and temperature.

    Args:
        params: parameters shared by the experts.
        generators: one per expert; each seeds three streams: initial weights, exploration, update noise.
        device: where networks live; random numbers are always drawn on the CPU, whatever the device.
        obs_size: O.
        scale: scales raw observations (…, O).
    """

    def __init__(
        self,
        params: SACParams,
        generators: Sequence[torch.Generator],
        device: torch.device | str = "cpu",
        obs_size: int = OBS_SIZE,
        scale: Callable[[Tensor], Tensor] = scale_obs,
    ) -> None:
        self.params = params
        self.device = torch.device(device)
        self.obs_size = obs_size
        self.scale = scale
        streams = [_streams(generator, 3) for generator in generators]
        self.exploration = [stream[1] for stream in streams]
        self.noise = [stream[2] for stream in streams]
        self._build(len(streams), [stream[0] for stream in streams])

    def _build(self, experts: int, init: Sequence[torch.Generator] | None) -> None:
        hidden, layer_norm = self.params.hidden_sizes, self.params.critic_layer_norm
        self.experts = experts
        actor = StackedMLP(experts, self.obs_size, hidden, 2 * ACTION_SIZE, generators=init)
        critics = TwinCritics(experts, self.obs_size + ACTION_SIZE, hidden, layer_norm, init)
        self.actor, self.critics = actor.to(self.device), critics.to(self.device)
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        start = math.log(self.params.initial_temperature)
        self.log_temperature = torch.full((experts, 1), start, device=self.device, requires_grad=True)
        self._actor_parameters: list[Tensor] = list(self.actor.parameters())
        self._critic_parameters: list[Tensor] = list(self.critics.parameters())
        self._target_parameters: list[Tensor] = list(self.target_critics.parameters())
        self._optimisers = {
            "actor": self._adam(self._actor_parameters),
            "critics": self._adam(self._critic_parameters),
            "temperature": self._adam([self.log_temperature]),
        }

    def _adam(self, parameters: Sequence[Tensor]) -> Adam:
        return Adam(parameters, self.params.learning_rate, fused=True)

    @torch.no_grad()
    def gaussian(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log std (E, B, A), before squashing, at raw observations (E, B, O)."""
        return gaussian_head(self.actor(self.scale(obs)))

    @torch.no_grad()
    def act(self, obs: Tensor) -> Tensor:
        """Sampled actions (E, B, A) in (-1, 1) at raw obs (E, B, O), each expert by its own generator."""
        rows = obs.shape[1]
        mu, log_std = (part[:, :rows] for part in self.gaussian(pad_rows(obs)))
        noise = self._draw(self.exploration, rows, ACTION_SIZE)
        return torch.tanh(mu + log_std.exp() * noise)

    def random_action(self, rows: int) -> Tensor:
        """Uniform actions (E, rows, A) in (-1, 1), from the exploration streams."""
        action = torch.empty(self.experts, rows, ACTION_SIZE)
        for part, generator in zip(action, self.exploration, strict=True):
            part.uniform_(-1.0, 1.0, generator=generator)
        return action.to(self.device)

    @torch.no_grad()
    def q(self, obs: Tensor, action: Tensor) -> Tensor:
        """Smaller critic (E, B) at raw obs (E, B, O) and action (E, B, A), in units of the scaled reward."""
        values: Tensor = self.critics(self.scale(obs), action)
        return values.amin(1)

    def update(self, batch: Batch, bonus_weight: Tensor | None = None) -> dict[str, Tensor]:
        """One gradient step of critics, actor, temperature and target critics.

        Args:
            batch: E times B transitions.
            bonus_weight: (E,) weight of `batch.bonus`, in units of the scaled reward.

        Returns:
            Losses and temperature, (E,) each, detached.
        """
        obs, next_obs = self.scale(batch.obs), self.scale(batch.next_obs)
        reward = batch.reward * self.params.reward_scale
        if batch.bonus is not None and bonus_weight is not None:
            reward = reward + bonus_weight.unsqueeze(-1) * batch.bonus
        noise = self._draw(self.noise, 2, obs.shape[1], ACTION_SIZE)
        temperature = self.log_temperature.detach().exp()
        target = self._target(reward, next_obs, noise[:, 0], temperature)
        critic = losses.critic_loss(self.critics(obs, batch.action), target)
        self._step("critics", self._critic_parameters, critic)
        actor, log_prob = self._actor_loss(obs, noise[:, 1], temperature)
        self._step("actor", self._actor_parameters, actor)
        entropy = losses.temperature_loss(self.log_temperature, log_prob, self.params.target_entropy)
        self._step("temperature", [self.log_temperature], entropy)
        with torch.no_grad():
            torch._foreach_lerp_(
                self._target_parameters, self._critic_parameters, self.params.target_update_rate
            )
        return {
            "losses/critic": critic.detach(),
            "losses/actor": actor.detach(),
            "losses/temperature": entropy.detach(),
            "temperature": temperature.squeeze(-1),
            "entropy": -log_prob.detach().mean(-1),
        }

    @torch.no_grad()
    def _target(self, reward: Tensor, next_obs: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
        action, log_prob = losses.squash(*gaussian_head(self.actor(next_obs)), noise)
        values = self.target_critics(next_obs, action)
        return losses.bellman_target(reward, values, log_prob, temperature, self.params.discount)

    def _actor_loss(self, obs: Tensor, noise: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        action, log_prob = losses.squash(*gaussian_head(self.actor(obs)), noise)
        self.critics.requires_grad_(False)
        loss = losses.actor_loss(self.critics(obs, action), log_prob, temperature)
        self.critics.requires_grad_(True)
        return loss, log_prob

    def _step(self, name: str, parameters: Sequence[Tensor], loss: Tensor) -> None:
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss.sum(), parameters), strict=True):
            parameter.grad = gradient
        self._optimisers[name].step()

    def _draw(self, generators: Sequence[torch.Generator], *shape: int) -> Tensor:
        noise = torch.empty(len(generators), *shape)
        for row, generator in zip(noise, generators, strict=True):
            row.normal_(generator=generator)
        return noise.to(self.device)

    def networks_of(self, expert: int) -> dict[str, State]:
        """Copies of one expert's actor and twin critics, as stacks of one expert."""
        return {
            "actor": take(self.actor.state_dict(), [expert]),
            "critics": take(self.critics.state_dict(), [expert], 2),
        }

    def keep(self, experts: Sequence[int]) -> None:
        """Keep these experts only; not one of their bits changes."""
        state = self.state_dict()
        for name, slices in zip(_MODULES, (1, 2, 2), strict=True):
            state[name] = take(state[name], experts, slices)
        state["log_temperature"] = state["log_temperature"][list(experts)]
        for name, slices in (("actor", 1), ("critics", 2), ("temperature", 1)):
            state["optimisers"][name] = take_optimiser_state(state["optimisers"][name], experts, slices)
        for name in _GENERATORS:
            setattr(self, name, [getattr(self, name)[e] for e in experts])
            state["generators"][name] = [state["generators"][name][e] for e in experts]
        self._build(len(experts), None)
        self.load_state_dict(state)

    def state_dict(self) -> dict[str, Any]:
        """Everything the next update depends on: nested dicts and lists of tensors, all copies."""
        modules: dict[str, Any] = {
            name: {key: value.clone() for key, value in getattr(self, name).state_dict().items()}
            for name in _MODULES
        }
        return modules | {
            "log_temperature": self.log_temperature.detach().clone(),
            "optimisers": {name: optimiser_state(optimiser) for name, optimiser in self._optimisers.items()},
            "generators": {name: [g.get_state() for g in getattr(self, name)] for name in _GENERATORS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict` of an agent with the same settings and as many experts."""
        for name in _MODULES:
            getattr(self, name).load_state_dict(state[name])
        with torch.no_grad():
            self.log_temperature.copy_(state["log_temperature"])
        for name, optimiser in self._optimisers.items():
            load_optimiser_state(optimiser, state["optimisers"][name])
        for name in _GENERATORS:
            for generator, value in zip(getattr(self, name), state["generators"][name], strict=True):
                generator.set_state(value)


def pad_rows(obs: Tensor) -> Tensor:
    """(E, B, O) with copies of the first rows, so that no slice's bits depend on the others."""
    padding = max(0, _MIN_ROWS - obs.shape[1])
    return torch.cat([obs, obs[:, :1].expand(-1, padding, -1)], 1) if padding else obs


def _streams(generator: torch.Generator, count: int) -> list[torch.Generator]:
    """Independent generators seeded from one."""
    seeds = torch.randint(2**32, (count,), generator=generator).tolist()
    return [torch.Generator().manual_seed(seed) for seed in seeds]
