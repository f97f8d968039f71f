"""Networks of one expert as numpy sees them: forward, and back with derivatives by hand.

Shapes: B rows. All parameters are views of torch's memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, nn

from collectiverun_trainer.environments.observation import Array, Integers
from collectiverun_trainer.sac import kernels


@dataclass
class Trace:
    """What the way back through a perceptron needs of each layer."""

    inputs: list[Array]
    normals: list[Array] = field(default_factory=list)
    scales: list[Array] = field(default_factory=list)

    def take(self, rows: Integers) -> Trace:
        """That of some rows only."""
        parts = (self.inputs, self.normals, self.scales)
        return Trace(*([array[rows] for array in part] for part in parts))


class Perceptron:
    """One slice of a `StackedMLP`, as views of its memory."""

    def __init__(self, module: nn.Module, slot: int, layer_norm: bool) -> None:
        self.parameters = [view_of(parameter, slot) for parameter in module.parameters()]
        self.weights, self.biases = self.parameters[::2], self.parameters[1::2]
        self.layer_norm = layer_norm

    def forward(self, x: Array) -> tuple[Array, Trace]:
        """Output (B, out) at x (B, in)."""
        trace = Trace([x])
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = x @ weight
            if self.layer_norm:
                trace.normals.append(np.empty_like(x))
                trace.scales.append(np.empty(len(x), np.float32))
                kernels.normalise(x, bias[0], trace.normals[-1], trace.scales[-1])
            else:
                kernels.rectify(x, bias[0])
            trace.inputs.append(x)
        return x @ self.weights[-1] + self.biases[-1], trace

    def _back(self, gradient: Array, trace: Trace) -> Iterator[tuple[int, Array]]:
        """Each layer, the last first, with the gradient (B, size) at its sums from that at the output.

        A layer may be changed as soon as it was yielded.
        """
        for layer in range(len(self.weights) - 1, 0, -1):
            weight = self.weights[layer]
            # BLAS takes four times as long where there is only one column.
            below = gradient @ weight.T if weight.shape[1] > 1 else gradient * weight[:, 0]
            yield layer, gradient
            if self.layer_norm:
                kernels.through_normalised(below, trace.normals[layer - 1], trace.scales[layer - 1])
            else:
                kernels.through_rectified(below, trace.inputs[layer])
            gradient = below
        yield 0, gradient

    def gradients(self, gradient: Array, trace: Trace) -> Iterator[tuple[int, Array]]:
        """Index and gradient of each parameter, from the gradient (B, out) at the output."""
        for layer, at_sums in self._back(gradient, trace):
            yield 2 * layer, trace.inputs[layer].T @ at_sums
            yield 2 * layer + 1, at_sums.sum(0)

    def gradient_at_input(self, gradient: Array, trace: Trace, size: int) -> Array:
        """Gradient (B, size) at the last `size` numbers of the input."""
        *_, (_, at_sums) = self._back(gradient, trace)
        return at_sums @ self.weights[0][-size:].T

    def approach(self, other: Perceptron, share: np.float32) -> None:
        """Move all parameters by a share of their distance to another's."""
        for slow, fast in zip(self.parameters, other.parameters, strict=True):
            kernels.average(slow.reshape(-1), fast.reshape(-1), share)


class Sample:
    """Actions drawn at an actor's output, their log densities, and the way back to the output."""

    def __init__(self, head: Array, noise: Array) -> None:
        self._head, self._spread = head, np.empty_like(noise)
        self.action, self.log_prob = np.empty_like(noise), np.empty(len(noise), np.float32)
        kernels.sample(head, noise, self.action, self._spread, self.log_prob)

    def gradient(self, of_action: Array, of_log_prob: np.float32) -> Array:
        """Gradient (B, 2A) at the output from that at the actions (B, A) and at every log density."""
        gradient = np.empty_like(self._head)
        kernels.through_sample(of_action, of_log_prob, self._head, self.action, self._spread, gradient)
        return gradient


def view_of(tensor: Tensor, slot: int) -> Array:
    """A slice of a tensor on the CPU, in the same memory."""
    view: Array = tensor.detach().numpy()[slot]
    return view
