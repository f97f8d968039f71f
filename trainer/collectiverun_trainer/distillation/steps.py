"""The gradient step of the collective network: by hand on a processor, by autograd on other devices.

Its losses are autograd's in both: they are of a few numbers a row; only the networks are worth the trouble
(`sac/numpy_networks.py`, ADR 16). Actor and critics share nothing, so each is the work of one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.collective.network import CollectiveNetwork, inputs
from collectiverun_trainer.distillation.rows import Labelled
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.sac.numpy_descent import Descent, Rates
from collectiverun_trainer.sac.numpy_networks import Perceptron, Trace
from collectiverun_trainer.sac.optimiser import Adam

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Outputs:
    """What the networks say of B rows."""

    head: Tensor  # (B, 8) mean and log std before tanh
    values: Tensor | None  # (2, B) both critics, in normalised units; None: they are not trained


Objective = Callable[[Outputs], tuple[Losses, Tensor]]
"""The losses (rows,) of some outputs, and the number that is minimised."""


class Step(Protocol):
    """Changes the network's parameters and the optimiser's moments in place."""

    def __call__(self, rows: Labelled, objective: Objective) -> Losses:
        """One gradient step; the losses before it."""


def outputs_at(network: CollectiveNetwork, rows: Labelled, critics: bool) -> Outputs:
    """The network's outputs at rows (B, …)."""
    values = network.q(rows.z, rows.obs, rows.action) if critics else None
    return Outputs(network.head(rows.z, rows.obs), values)


class AutogradStep:
    """Both ways through the networks by PyTorch's autograd, on any device."""

    def __init__(
        self, network: CollectiveNetwork, optimiser: Adam, learning_rate: float, critics: bool
    ) -> None:
        self._network, self._optimiser, self._critics = network, optimiser, critics

    def __call__(self, rows: Labelled, objective: Objective) -> Losses:
        """See `Step.__call__`."""
        losses, total = objective(outputs_at(self._network, rows, self._critics))
        parameters = self._optimiser.parameters
        for parameter, gradient in zip(parameters, torch.autograd.grad(total, parameters), strict=True):
            parameter.grad = gradient
        self._optimiser.step()
        return losses


class NumpyStep:
    """Both ways through the networks by hand; all on the CPU."""

    def __init__(
        self, network: CollectiveNetwork, optimiser: Adam, learning_rate: float, critics: bool
    ) -> None:
        self._counts = [count.numpy() for count in optimiser.counts]
        self._learning_rate = learning_rate
        modules = [(network.actor, 0, False)] + [(network.critics, twin, True) for twin in (0, 1) if critics]
        self._networks = [Perceptron(*module) for module in modules]
        self._descents = [Descent(module.parameters(), optimiser, slot) for module, slot, _ in modules]
        threads = min(len(modules), torch.get_num_threads())
        self._map = ThreadPoolExecutor(threads).map if threads > 1 else map

    def __call__(self, rows: Labelled, objective: Objective) -> Losses:
        """See `Step.__call__`."""
        x = inputs(rows.z, rows.obs).numpy()
        xs = [x] + [np.hstack([x, rows.action.numpy()])] * (len(self._networks) - 1)
        heads, traces = zip(*self._map(Perceptron.forward, self._networks, xs), strict=True)
        outputs = [torch.from_numpy(head).requires_grad_() for head in heads]
        values = torch.cat(outputs[1:], 1).T if outputs[1:] else None
        losses, total = objective(Outputs(outputs[0], values))
        gradients = torch.autograd.grad(total, outputs, materialize_grads=True)
        self._descend(traces, [gradient.numpy() for gradient in gradients])
        return losses

    def _descend(self, traces: tuple[Trace, ...], gradients: list[Array]) -> None:
        for count in self._counts:
            count += 1
        rates = Rates.of(self._learning_rate, int(self._counts[0]))

        def descend(network: Perceptron, descent: Descent, trace: Trace, gradient: Array) -> None:
            descent.step(network.gradients(gradient, trace), rates)

        list(self._map(descend, self._networks, self._descents, traces, gradients))
