"""The gradient step of soft actor-critic on a processor: one expert after the other, derivatives by hand.

Autograd takes all experts through the step together, operation by operation; half of its time then goes
into moving their activations. One expert's numbers stay in the processor's cache for the whole step, and what
is left is matrix products, which numpy hands to BLAS. `test_gradient_steps` holds the two steps equal.

Shapes: B transitions, O numbers of an observation, A of an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.sac.batch import Batch, Emphasis
from collectiverun_trainer.sac.numpy_descent import Descent, Rates
from collectiverun_trainer.sac.numpy_networks import Perceptron, Sample, view_of
from collectiverun_trainer.sac.stack import Stack

_METRICS = ("losses/critic", "temperature", "losses/actor", "losses/temperature", "entropy")
"""Of a step; the first two where the actor does not learn."""


class NumpyStep:
    """Gradient steps of E experts whose networks are on the CPU; they are changed in place.

    Experts share nothing, so each is the work of one thread; there are as many as torch may use.
    """

    def __init__(self, stack: Stack, params: SACParams) -> None:
        self._params = params
        self._counts = [
            count.numpy() for optimiser in stack.optimisers.values() for count in optimiser.counts
        ]
        self._experts = [_Expert.of(stack, params, slot) for slot in range(stack.experts)]
        threads = min(stack.experts, torch.get_num_threads())
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __call__(self, batch: Batch, noise: Tensor, emphasis: Emphasis) -> dict[str, Tensor]:
        """See `AutogradStep.__call__`."""
        for count in self._counts:
            count += 1
        rates = Rates.of(self._params.learning_rate, int(self._counts[0]))
        columns = (batch.obs, batch.next_obs, batch.action, batch.reward, batch.discount, noise)
        arrays = [column.contiguous().numpy() for column in columns]

        def learn(slot: int) -> tuple[np.float32, ...]:
            part = _Transitions(batch.examples, *(array[slot] for array in arrays))
            with np.errstate(over="ignore", invalid="ignore"):  # the losses tell, by task
                return self._experts[slot].learn(rates, part, emphasis)

        slots = range(len(self._experts))
        losses = list(self._pool.map(learn, slots) if self._pool else map(learn, slots))
        return dict(zip(_METRICS, torch.tensor(losses).unbind(-1), strict=False))


@dataclass(frozen=True)
class _Transitions:
    """One expert's part of a batch and its noise; see `Batch`."""

    examples: int
    obs: Array  # (B, O)
    next_obs: Array  # (B, O)
    action: Array  # (B, A)
    reward: Array  # (B,)
    discount: Array  # (B,)
    noise: Array  # (2, B, A)

    def __len__(self) -> int:
        return len(self.obs)


@dataclass(frozen=True)
class _Expert:
    """One soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905)."""

    actor: Perceptron
    averaged_actor: Perceptron
    critics: Sequence[Perceptron]
    targets: Sequence[Perceptron]
    log_temperature: Array
    actor_descent: Descent
    critic_descents: Sequence[Descent]
    temperature_descent: Descent
    params: SACParams

    @classmethod
    def of(cls, stack: Stack, params: SACParams, slot: int) -> _Expert:
        twins, normalised = (2 * slot, 2 * slot + 1), params.critic_layer_norm
        parameters, optimisers = stack.parameters, stack.optimisers
        return cls(
            actor=Perceptron(stack.actor, slot, False),
            averaged_actor=Perceptron(stack.averaged_actor, slot, False),
            critics=[Perceptron(stack.critics, twin, normalised) for twin in twins],
            targets=[Perceptron(stack.target_critics, twin, normalised) for twin in twins],
            log_temperature=view_of(stack.log_temperature, slot),
            actor_descent=Descent(parameters["actor"], optimisers["actor"], slot),
            critic_descents=[Descent(parameters["critics"], optimisers["critics"], twin) for twin in twins],
            temperature_descent=Descent(parameters["temperature"], optimisers["temperature"], slot),
            params=params,
        )

    def learn(self, rates: Rates, batch: _Transitions, emphasis: Emphasis) -> tuple[np.float32, ...]:
        """One step; returns the values of `_METRICS`."""
        temperature = np.exp(self.log_temperature[0])
        critic_loss = self._critics_step(batch, self._target(batch, temperature), rates)
        told: tuple[np.float32, ...] = ()
        if emphasis.actor:
            told = self._learn_to_act(batch, temperature, rates, emphasis.imitation)
        for target_critic, critic in zip(self.targets, self.critics, strict=True):
            target_critic.approach(critic, np.float32(self.params.target_update_rate))
        return critic_loss, temperature, *told

    def _learn_to_act(
        self, batch: _Transitions, temperature: np.float32, rates: Rates, imitation: float
    ) -> tuple[np.float32, ...]:
        loss, log_prob = self._actor_step(batch, temperature, rates, imitation)
        temperature_loss = -temperature * (log_prob + np.float32(self.params.target_entropy))
        # It is an exponential's multiple, so it is its own derivative.
        self.temperature_descent.step([(0, np.full(1, temperature_loss, np.float32))], rates)
        self.averaged_actor.approach(self.actor, np.float32(self.params.actor_average_rate))
        return loss, temperature_loss, -log_prob

    def _target(self, batch: _Transitions, temperature: np.float32) -> Array:
        sample = Sample(self.actor.forward(batch.next_obs)[0], batch.noise[0])
        x = np.hstack([batch.next_obs, sample.action])
        values = np.minimum(*(target.forward(x)[0][:, 0] for target in self.targets))
        target: Array = batch.reward + batch.discount * (values - temperature * sample.log_prob)
        return target

    def _critics_step(self, batch: _Transitions, target: Array, rates: Rates) -> np.float32:
        x, share, loss = np.hstack([batch.obs, batch.action]), np.float32(1.0 / len(batch)), np.float32(0.0)
        for critic, descent in zip(self.critics, self.critic_descents, strict=True):
            values, trace = critic.forward(x)
            error = values - target[:, None]
            loss += share * np.vdot(error, error)
            descent.step(critic.gradients(2.0 * share * error, trace), rates)
        return loss

    def _actor_step(
        self, batch: _Transitions, temperature: np.float32, rates: Rates, imitation: float
    ) -> tuple[np.float32, np.float32]:
        """Returns the loss and the mean log density of the actions."""
        head, trace = self.actor.forward(batch.obs)
        sample, share = Sample(head, batch.noise[1]), np.float32(1.0 / len(batch))
        x = np.hstack([batch.obs, sample.action])
        (one, of_one), (other, of_other) = (critic.forward(x) for critic in self.critics)
        of_action = np.empty_like(sample.action)
        for critic, passed, is_less in zip(
            self.critics, (of_one, of_other), (one <= other, one > other), strict=True
        ):
            rows = np.flatnonzero(is_less)
            of_value = np.full((len(rows), 1), -share)
            of_action[rows] = critic.gradient_at_input(of_value, passed.take(rows), sample.action.shape[1])
        own = np.minimum(one, other)[:, 0]
        loss = np.mean(temperature * sample.log_prob - own)
        of_head = sample.gradient(of_action, temperature * share)
        if imitation and batch.examples:
            weight = np.float32(imitation / len(batch)) * np.abs(own).mean()
            loss += self._imitate(batch, weight, head, of_head)
        self.actor_descent.step(self.actor.gradients(of_head, trace), rates)
        return loss, np.mean(sample.log_prob)

    def _imitate(self, batch: _Transitions, weight: np.float32, head: Array, of_head: Array) -> np.float32:
        """The loss of `losses.imitation_loss`, weighed; its gradient is added to that at the head."""
        part, size = slice(batch.examples), batch.action.shape[1]
        mean = np.tanh(head[part, :size])
        distance = mean - batch.action[part]
        of_head[part, :size] += 2.0 * weight * distance * (1.0 - mean * mean)
        loss: np.float32 = weight * np.vdot(distance, distance)
        return loss
