"""Gradient steps of the collective network on labelled rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import CollectiveLossParams
from collectiverun_trainer.distillation.losses import (
    critic_loss,
    kl_divergence,
    weighted_squared_error,
)
from collectiverun_trainer.distillation.rows import Labelled
from collectiverun_trainer.sac.optimiser import Adam, load_optimiser_state, optimiser_state

ACTOR = "losses/actor"
CRITIC = "losses/critic"

_ACTOR_LOSSES = {"kl": kl_divergence, "mse": weighted_squared_error}
_CHUNK = 4096
"""Rows of one forward pass without gradients."""

Losses = dict[str, Tensor]


class Distiller:
    """A network, its optimiser, and the sum of its losses since they were last read.

    `q_scale` must be set before the first step on rows with a Q; without one the critics are not trained.
    """

    def __init__(self, network: CollectiveNetwork, params: CollectiveLossParams, critics: bool) -> None:
        """`critics`: whether the experts have a Q to distil; scripted ones have none."""
        self.network = network
        self.params = params
        self.critics = critics and params.critic_weight > 0
        self.device = next(network.parameters()).device
        self.gradient_steps = 0
        self.q_scale: QScale | None = None
        self._parameters = list((network if self.critics else network.actor).parameters())
        self._optimiser = Adam(self._parameters, params.learning_rate, fused=True)
        self._sums: Losses = {}
        self._summed = 0

    def rows_per_task(self, tasks: int) -> int:
        """Rows a batch holds of each of so many tasks, at least one."""
        return max(1, self.params.batch_size // tasks)

    def learn(self, batch: Tensor) -> None:
        """One gradient step on packed rows (tasks, B, …), equally many of every task."""
        tasks, rows = batch.shape[:2]
        task = torch.arange(tasks, device=self.device).repeat_interleave(rows)
        losses = self._losses(Labelled.unpack(batch.flatten(0, 1)), task)
        total = losses[ACTOR].mean()
        if CRITIC in losses:
            total = total + self.params.critic_weight * losses[CRITIC].mean()
        for parameter, gradient in zip(
            self._parameters, torch.autograd.grad(total, self._parameters), strict=True
        ):
            parameter.grad = gradient
        self._optimiser.step()
        self.gradient_steps += 1
        self._summed += 1
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, 0) + loss.detach().view(tasks, rows).mean(1)

    def _losses(self, rows: Labelled, task: Tensor) -> Losses:
        """Losses (rows,) of rows whose tasks are `task` (rows,)."""
        actor_loss = _ACTOR_LOSSES[self.params.actor_loss]
        losses = {ACTOR: actor_loss(rows.mu, rows.log_std, *self.network.gaussian(rows.z, rows.obs))}
        if self.critics and self.q_scale:
            target = self.q_scale.normalise(rows.q.squeeze(-1), task)
            losses[CRITIC] = critic_loss(self.network.q(rows.z, rows.obs, rows.action), target)
        return losses

    @torch.no_grad()
    def losses_on(self, packed: Tensor, rows_of_task: Sequence[Tensor]) -> Losses:
        """Mean losses (tasks,) over given rows (at least one) of each task, without learning from them."""
        means: dict[str, list[Tensor]] = {}
        for task, chosen in enumerate(rows_of_task):
            parts = [self._losses_of(packed[chunk], task) for chunk in torch.split(chosen, _CHUNK)]
            for name in parts[0]:
                means.setdefault(name, []).append(torch.cat([part[name] for part in parts]).mean())
        return {name: torch.stack(of_tasks) for name, of_tasks in means.items()}

    def _losses_of(self, packed: Tensor, task: int) -> Losses:
        index = torch.full((len(packed),), task, dtype=torch.int64, device=self.device)
        return self._losses(Labelled.unpack(packed), index)

    def read_losses(self) -> Losses:
        """Mean losses (tasks,) of the gradient steps since the last call; empty if there were none."""
        means = {name: total / self._summed for name, total in self._sums.items()}
        self._sums, self._summed = {}, 0
        return means

    def weights_state(self) -> dict[str, Any]:
        """A copy of the network's weights, and the scale its critics' values are in."""
        return {
            "network": {name: value.clone() for name, value in self.network.state_dict().items()},
            "q_scale": [self.q_scale.mean, self.q_scale.std] if self.q_scale else None,
        }

    def load_weights_state(self, state: Mapping[str, Any]) -> None:
        """Restore `weights_state`."""
        self.network.load_state_dict(state["network"])
        self.q_scale = QScale(*state["q_scale"]).to(self.device) if state["q_scale"] else None

    def state_dict(self) -> dict[str, Any]:
        """Everything the next gradient step depends on, and the losses not yet read."""
        return self.weights_state() | {
            "optimiser": optimiser_state(self._optimiser),
            "gradient_steps": self.gradient_steps,
            "sums": dict(self._sums),
            "summed": self._summed,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        self.load_weights_state(state)
        load_optimiser_state(self._optimiser, state["optimiser"])
        self.gradient_steps = state["gradient_steps"]
        self._sums = {name: value.to(self.device) for name, value in state["sums"].items()}
        self._summed = state["summed"]
