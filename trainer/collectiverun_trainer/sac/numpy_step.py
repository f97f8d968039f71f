"""The gradient step of soft actor-critic on a processor: one expert after the other, derivatives by hand.

Autograd takes all experts through the step together, operation by operation; half of its time then goes
into moving their activations. One expert's numbers stay in the processor's cache for the whole step, and what
is left is matrix products, which numpy hands to BLAS. `test_gradient_steps` holds the two steps equal.

Shapes: B transitions, O numbers of an observation, A of an action.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.sac import kernels
from collectiverun_trainer.sac.batch import Batch
from collectiverun_trainer.sac.numpy_networks import Perceptron, Sample, view_of
from collectiverun_trainer.sac.optimiser import FIRST_DECAY, SECOND_DECAY, Adam
from collectiverun_trainer.sac.stack import Stack

_METRICS = ("losses/critic", "losses/actor", "losses/temperature", "temperature", "entropy")


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

    def __call__(self, batch: Batch, noise: Tensor) -> dict[str, Tensor]:
        """See `AutogradStep.__call__`."""
        for count in self._counts:
            count += 1
        rates = _Rates.of(self._params, int(self._counts[0]))
        columns = (batch.obs, batch.next_obs, batch.action, batch.reward, noise)
        arrays = [column.contiguous().numpy() for column in columns]

        def learn(slot: int) -> tuple[np.float32, ...]:
            with np.errstate(over="ignore", invalid="ignore"):  # the losses tell, by task
                return self._experts[slot].learn(rates, *(array[slot] for array in arrays))

        slots = range(len(self._experts))
        losses = list(self._pool.map(learn, slots) if self._pool else map(learn, slots))
        return dict(zip(_METRICS, torch.tensor(losses).unbind(-1), strict=True))


@dataclass(frozen=True)
class _Rates:
    """Learning rate and scale of the second moment with Adam's bias corrections (arXiv:1412.6980, sec. 2)."""

    rate: np.float32
    correction: np.float32

    @classmethod
    def of(cls, params: SACParams, step: int) -> _Rates:
        rate = params.learning_rate / (1.0 - FIRST_DECAY**step)
        return cls(np.float32(rate), np.float32((1.0 - SECOND_DECAY**step) ** -0.5))


class _Descent:
    """Adam for one slice of some parameters; all arrays are views of torch's memory."""

    def __init__(self, parameters: Iterable[Tensor], optimiser: Adam, slot: int) -> None:
        states = [(parameter, *optimiser.moments(parameter)) for parameter in parameters]
        self._states = [[view_of(part, slot).reshape(-1) for part in state] for state in states]

    def step(self, gradients: Iterable[tuple[int, Array]], rates: _Rates) -> None:
        """One step against gradients, each with the index of its parameter."""
        for index, gradient in gradients:
            value, first, second = self._states[index]
            kernels.adam(value, gradient.reshape(-1), first, second, rates.rate, rates.correction)


@dataclass(frozen=True)
class _Expert:
    """One soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905)."""

    actor: Perceptron
    critics: Sequence[Perceptron]
    targets: Sequence[Perceptron]
    log_temperature: Array
    actor_descent: _Descent
    critic_descents: Sequence[_Descent]
    temperature_descent: _Descent
    params: SACParams

    @classmethod
    def of(cls, stack: Stack, params: SACParams, slot: int) -> _Expert:
        twins, normalised = (2 * slot, 2 * slot + 1), params.critic_layer_norm
        parameters, optimisers = stack.parameters, stack.optimisers
        return cls(
            actor=Perceptron(stack.actor, slot, False),
            critics=[Perceptron(stack.critics, twin, normalised) for twin in twins],
            targets=[Perceptron(stack.target_critics, twin, normalised) for twin in twins],
            log_temperature=view_of(stack.log_temperature, slot),
            actor_descent=_Descent(parameters["actor"], optimisers["actor"], slot),
            critic_descents=[_Descent(parameters["critics"], optimisers["critics"], twin) for twin in twins],
            temperature_descent=_Descent(parameters["temperature"], optimisers["temperature"], slot),
            params=params,
        )

    def learn(
        self, rates: _Rates, obs: Array, next_obs: Array, action: Array, reward: Array, noise: Array
    ) -> tuple[np.float32, ...]:
        """One step at obs, next_obs (B, O), action (B, A), reward (B,), noise (2, B, A).

        Returns losses of critics, actor and temperature, the temperature before the step, and the entropy.
        """
        temperature = np.exp(self.log_temperature[0])
        target = self._target(reward, next_obs, noise[0], temperature)
        critic_loss = self._critics_step(np.hstack([obs, action]), target, rates)
        actor_loss, log_prob = self._actor_step(obs, noise[1], temperature, rates)
        temperature_loss = -temperature * (log_prob + np.float32(self.params.target_entropy))
        # It is an exponential's multiple, so it is its own derivative.
        self.temperature_descent.step([(0, np.full(1, temperature_loss, np.float32))], rates)
        for target_critic, critic in zip(self.targets, self.critics, strict=True):
            target_critic.approach(critic, np.float32(self.params.target_update_rate))
        return critic_loss, actor_loss, temperature_loss, temperature, -log_prob

    def _target(self, reward: Array, next_obs: Array, noise: Array, temperature: np.float32) -> Array:
        sample = Sample(self.actor.forward(next_obs)[0], noise)
        x = np.hstack([next_obs, sample.action])
        values = np.minimum(*(target.forward(x)[0][:, 0] for target in self.targets))
        target: Array = reward + np.float32(self.params.discount) * (values - temperature * sample.log_prob)
        return target

    def _critics_step(self, x: Array, target: Array, rates: _Rates) -> np.float32:
        loss, share = np.float32(0.0), np.float32(1.0 / len(x))
        for critic, descent in zip(self.critics, self.critic_descents, strict=True):
            values, trace = critic.forward(x)
            error = values - target[:, None]
            loss += share * np.vdot(error, error)
            descent.step(critic.gradients(2.0 * share * error, trace), rates)
        return loss

    def _actor_step(
        self, obs: Array, noise: Array, temperature: np.float32, rates: _Rates
    ) -> tuple[np.float32, np.float32]:
        """Returns the loss and the mean log density of the actions."""
        head, trace = self.actor.forward(obs)
        sample, share = Sample(head, noise), np.float32(1.0 / len(obs))
        x = np.hstack([obs, sample.action])
        (one, of_one), (other, of_other) = (critic.forward(x) for critic in self.critics)
        of_action = np.empty_like(sample.action)
        for critic, passed, is_less in zip(
            self.critics, (of_one, of_other), (one <= other, one > other), strict=True
        ):
            rows = np.flatnonzero(is_less)
            of_value = np.full((len(rows), 1), -share)
            of_action[rows] = critic.gradient_at_input(of_value, passed.take(rows), noise.shape[1])
        loss = np.mean(temperature * sample.log_prob - np.minimum(one, other)[:, 0])
        of_head = sample.gradient(of_action, temperature * share)
        self.actor_descent.step(self.actor.gradients(of_head, trace), rates)
        return loss, np.mean(sample.log_prob)
