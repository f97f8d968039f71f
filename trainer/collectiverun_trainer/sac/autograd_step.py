"""The gradient step of soft actor-critic by PyTorch's autograd, all experts together, on any device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.sac import losses
from collectiverun_trainer.sac.batch import Batch, Emphasis
from collectiverun_trainer.sac.networks import gaussian_head
from collectiverun_trainer.sac.stack import Stack


class AutogradStep:
    """Gradient steps of E experts; their networks are changed in place."""

    def __init__(self, stack: Stack, params: SACParams) -> None:
        self._stack, self._params = stack, params
        self._targets: list[Tensor] = [*stack.target_critics.parameters()]
        self._averages: list[Tensor] = [*stack.averaged_actor.parameters()]

    def __call__(self, batch: Batch, noise: Tensor, emphasis: Emphasis) -> dict[str, Tensor]:
        """One gradient step of critics, actor, temperature and target critics.

        Args:
            batch: scaled observations and rewards.
            noise: (E, 2, B, A), of the actions in the target and in the actor's loss.

        Returns:
            Losses of what learned, the temperature before the step, entropy: (E,) each, detached.
        """
        temperature = self._stack.log_temperature.detach().exp()
        target = self._target(batch, noise[:, 0], temperature)
        critic = losses.critic_loss(self._stack.critics(batch.obs, batch.action), target)
        self._descend("critics", critic)
        told = {"losses/critic": critic.detach(), "temperature": temperature.squeeze(-1)}
        if emphasis.actor:
            told |= self._learn_to_act(batch, noise[:, 1], temperature, emphasis.imitation)
        with torch.no_grad():
            rate = self._params.target_update_rate
            torch._foreach_lerp_(self._targets, self._stack.parameters["critics"], rate)
        return told

    def _learn_to_act(
        self, batch: Batch, noise: Tensor, temperature: Tensor, imitation: float
    ) -> dict[str, Tensor]:
        loss, log_prob = self._actor_loss(batch, noise, temperature, imitation)
        self._descend("actor", loss)
        entropy = losses.temperature_loss(self._stack.log_temperature, log_prob, self._params.target_entropy)
        self._descend("temperature", entropy)
        with torch.no_grad():
            rate = self._params.actor_average_rate
            torch._foreach_lerp_(self._averages, self._stack.parameters["actor"], rate)
        return {
            "losses/actor": loss.detach(),
            "losses/temperature": entropy.detach(),
            "entropy": -log_prob.detach().mean(-1),
        }

    @torch.no_grad()
    def _target(self, batch: Batch, noise: Tensor, temperature: Tensor) -> Tensor:
        action, log_prob = losses.squash(*gaussian_head(self._stack.actor(batch.next_obs)), noise)
        values = self._stack.target_critics(batch.next_obs, action)
        return losses.bellman_target(batch.reward, values, log_prob, temperature, batch.discount)

    def _actor_loss(
        self, batch: Batch, noise: Tensor, temperature: Tensor, imitation: float
    ) -> tuple[Tensor, Tensor]:
        """The loss (E,) and the log densities (E, B) of the actions drawn."""
        mu, log_std = gaussian_head(self._stack.actor(batch.obs))
        action, log_prob = losses.squash(mu, log_std, noise)
        self._stack.critics.requires_grad_(False)
        values = self._stack.critics(batch.obs, action)
        self._stack.critics.requires_grad_(True)
        loss = losses.actor_loss(values, log_prob, temperature)
        if imitation and batch.examples:
            own, shown = torch.tanh(mu[:, : batch.examples]), batch.action[:, : batch.examples]
            weight = imitation * values.detach().amin(1).abs().mean(-1)
            loss = loss + weight * losses.imitation_loss(own, shown, batch.action.shape[1])
        return loss, log_prob

    def _descend(self, name: str, loss: Tensor) -> None:
        parameters: Sequence[Tensor] = self._stack.parameters[name]
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss.sum(), parameters), strict=True):
            parameter.grad = gradient
        self._stack.optimisers[name].step()
