"""E soft actor-critics trained as one: acting, one gradient step, exact state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, scale_obs
from collectiverun_trainer.sac.autograd_step import AutogradStep
from collectiverun_trainer.sac.batch import BOTH, Batch, Emphasis
from collectiverun_trainer.sac.imitation import imitate
from collectiverun_trainer.sac.networks import StackedMLP, State, TwinCritics, gaussian_head, take
from collectiverun_trainer.sac.numpy_step import NumpyStep
from collectiverun_trainer.sac.stack import Stack, take_experts

# With few rows, BLAS takes a path whose rounding depends on where a slice lies in memory, hence on the other
# experts. A few more rows cost nothing measurable and make every expert's bits independent of the others.
_MIN_ROWS = 8

_GENERATORS = ("exploration", "noise")


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
        self.stack = Stack(experts, self.obs_size, self.params, self.device, init)
        step = NumpyStep if self.device.type == "cpu" else AutogradStep
        self._step: Callable[[Batch, Tensor, Emphasis], dict[str, Tensor]] = step(self.stack, self.params)

    @property
    def experts(self) -> int:
        """How many experts are in the stack."""
        return self.stack.experts

    @property
    def actor(self) -> StackedMLP:
        """Stacked actors."""
        return self.stack.actor

    @property
    def averaged_actor(self) -> StackedMLP:
        """Stacked averages of the actors over gradient steps: those that are evaluated and published."""
        return self.stack.averaged_actor

    @property
    def critics(self) -> TwinCritics:
        """Stacked twin critics."""
        return self.stack.critics

    @property
    def target_critics(self) -> TwinCritics:
        """Stacked twin critics that follow the others slowly."""
        return self.stack.target_critics

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

    def update(
        self, batch: Batch, bonus_weight: Tensor | None = None, emphasis: Emphasis = BOTH
    ) -> dict[str, Tensor]:
        """One gradient step of critics, actor, temperature and target critics.

        Args:
            batch: E times B transitions.
            bonus_weight: (E,) weight of `batch.bonus`, in units of the scaled reward.

        Returns:
            Losses of what learned, entropy and temperature, (E,) each, detached.
        """
        reward = batch.reward * self.params.reward_scale
        if batch.success is not None:
            reward = reward + self.params.success_reward * batch.success
        if batch.bonus is not None and bonus_weight is not None:
            reward = reward + bonus_weight.unsqueeze(-1) * batch.bonus
        scaled = replace(batch, obs=self.scale(batch.obs), reward=reward, next_obs=self.scale(batch.next_obs))
        return self._step(scaled, self._draw(self.noise, 2, batch.obs.shape[1], ACTION_SIZE), emphasis)

    def imitate(self, batches: Iterable[Batch]) -> None:
        """A gradient step of the actors towards the actions of each batch, all of them demonstrated."""
        scaled = (replace(batch, obs=self.scale(batch.obs)) for batch in batches)
        imitate(self.stack, scaled)

    def _draw(self, generators: Sequence[torch.Generator], *shape: int) -> Tensor:
        noise = torch.empty(len(generators), *shape)
        for row, generator in zip(noise, generators, strict=True):
            row.normal_(generator=generator)
        return noise.to(self.device)

    def networks_of(self, expert: int) -> dict[str, State]:
        """Copies of one expert's averaged actor and twin critics, as stacks of one expert."""
        return {
            "actor": take(self.averaged_actor.state_dict(), [expert]),
            "critics": take(self.critics.state_dict(), [expert], 2),
        }

    def keep(self, experts: Sequence[int]) -> None:
        """Keep these experts only; not one of their bits changes."""
        state = self.state_dict()
        generators = {
            name: [streams[expert] for expert in experts] for name, streams in state["generators"].items()
        }
        for name in _GENERATORS:
            setattr(self, name, [getattr(self, name)[expert] for expert in experts])
        self._build(len(experts), None)
        self.load_state_dict(take_experts(state, experts) | {"generators": generators})

    def state_dict(self) -> dict[str, Any]:
        """Everything the next update depends on: nested dicts and lists of tensors, all copies."""
        generators = {name: [g.get_state() for g in getattr(self, name)] for name in _GENERATORS}
        return self.stack.state_dict() | {"generators": generators}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict` of an agent with the same settings and as many experts."""
        self.stack.load_state_dict(state)
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
