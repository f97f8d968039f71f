"""The gradient step of soft actor-critic by PyTorch's autograd, all experts together, on any device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.sac import losses
from collectiverun_trainer.sac.batch import Batch
from collectiverun_trainer.sac.networks import gaussian_head
from collectiverun_trainer.sac.stack import Stack


class AutogradStep:
    """Gradient steps of E experts; their networks are changed in place."""

    def __init__(self, stack: Stack, params: SACParams) -> None:
        self._stack, self._params = stack, params
        self._targets: list[Tensor] = [*stack.target_critics.parameters()]
        self._averages: list[Tensor] = [*stack.averaged_actor.parameters()]

    def __call__(self, batch: Batch, noise: Tensor) -> dict[str, Tensor]:
        """One gradient step of critics, actor, temperature and target critics.

        Args:
            batch: scaled observations and rewards.
            noise: (E, 2, B, A), of the actions in the target and in the actor's loss.

        Returns:
            Losses, entropy, and the temperature before the step: (E,) each, detached.
        """
        stack, params = self._stack, self._params
        temperature = stack.log_temperature.detach().exp()
        target = self._target(batch, noise[:, 0], temperature)
        values = stack.critics(batch.obs, batch.action)
        critic = losses.critic_loss(values, target)
        self._descend("critics", critic)
        actor, log_prob = self._actor_loss(batch, values.detach().amin(1), noise[:, 1], temperature)
        self._descend("actor", actor)
        entropy = losses.temperature_loss(stack.log_temperature, log_prob, params.target_entropy)
        self._descend("temperature", entropy)
        with torch.no_grad():
            torch._foreach_lerp_(self._targets, stack.parameters["critics"], params.target_update_rate)
            torch._foreach_lerp_(self._averages, stack.parameters["actor"], params.actor_average_rate)
        return {
            "losses/critic": critic.detach(),
            "losses/actor": actor.detach(),
            "losses/temperature": entropy.detach(),
            "temperature": temperature.squeeze(-1),
            "entropy": -log_prob.detach().mean(-1),
        }

    @torch.no_grad()
    def _target(self, batch: Batch, noise: Tensor, temperature: Tensor) -> Tensor:
        action, log_prob = losses.squash(*gaussian_head(self._stack.actor(batch.next_obs)), noise)
        values = self._stack.target_critics(batch.next_obs, action)
        return losses.bellman_target(batch.reward, values, log_prob, temperature, batch.discount)

    def _actor_loss(
        self, batch: Batch, value: Tensor, noise: Tensor, temperature: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The loss and the log densities (E, B); value (E, B) is the critics' of the batch's actions."""
        mu, log_std = gaussian_head(self._stack.actor(batch.obs))
        action, log_prob = losses.squash(mu, log_std, noise)
        self._stack.critics.requires_grad_(False)
        values = self._stack.critics(batch.obs, action)
        self._stack.critics.requires_grad_(True)
        loss = losses.actor_loss(values, log_prob, temperature)
        if self._params.imitation_weight and batch.examples:
            loss = loss + self._imitation(batch, value, values.detach().amin(1), mu)
        return loss, log_prob

    def _imitation(self, batch: Batch, shown: Tensor, own: Tensor, mu: Tensor) -> Tensor:
        part = slice(batch.examples)
        better = shown[:, part] > own[:, part]
        loss = losses.imitation_loss(
            torch.tanh(mu[:, part]), batch.action[:, part], better, batch.action.shape[1]
        )
        return self._params.imitation_weight * own.abs().mean(-1) * loss

    def _descend(self, name: str, loss: Tensor) -> None:
        parameters: Sequence[Tensor] = self._stack.parameters[name]
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss.sum(), parameters), strict=True):
            parameter.grad = gradient
        self._stack.optimisers[name].step()
