"""Stacked networks: E independent multilayer perceptrons evaluated as one batched matrix product.

Slice e of every parameter belongs to expert e alone; no operation mixes slices. So an expert computes the
same whether stacked with others or alone, and a group of experts costs one set of kernel launches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

LOG_STD_MIN = -5.0
LOG_STD_MAX = 2.0
LAYER_NORM_EPSILON = 1e-5

State = dict[str, Tensor]


class StackedLinear(nn.Module):
    """E independent affine maps: (E, B, inputs) -> (E, B, outputs)."""

    def __init__(self, experts: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(experts, 1, outputs))

    @torch.no_grad()
    def initialise(self, generators: Sequence[torch.Generator]) -> None:
        """Fill slice i from `generators[i]`, uniform in ±1/sqrt(inputs) as PyTorch's linear layers are."""
        bound = 1.0 / math.sqrt(self.weight.shape[1])
        for weight, bias, generator in zip(self.weight, self.bias, generators, strict=True):
            weight.uniform_(-bound, bound, generator=generator)
            bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.shape[-1] == 1:  # BLAS is five times slower at a product with a single column
            return (x * self.weight.transpose(1, 2)).sum(-1, keepdim=True) + self.bias
        return torch.baddbmm(self.bias, x, self.weight)


class StackedMLP(nn.Module):
    """E independent perceptrons with ReLU, optionally layer-normalised (without gain) before each ReLU.

    Args:
        experts: number of slices E.
        inputs: size of the last dimension of the input (E, B, inputs).
        hidden: width of each hidden layer.
        outputs: size of the last dimension of the output (E, B, outputs).
        layer_norm: normalise hidden layers, which keeps critics from diverging (arXiv:2302.02948).
        generators: one per slice, for initial weights; without them weights stay uninitialised, to be loaded.
    """

    def __init__(
        self,
        experts: int,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        layer_norm: bool = False,
        generators: Sequence[torch.Generator] | None = None,
    ) -> None:
        super().__init__()
        sizes = [inputs, *hidden, outputs]
        layers = [StackedLinear(experts, i, o) for i, o in pairwise(sizes)]
        self.layers = nn.ModuleList(layers)
        self.layer_norm = layer_norm
        if generators is not None:
            for layer in layers:
                layer.initialise(generators)

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers.children()
        for layer in hidden:
            x = layer(x)
            if self.layer_norm:
                x = functional.layer_norm(x, x.shape[-1:], eps=LAYER_NORM_EPSILON)
            x = functional.relu(x)
        output: Tensor = last(x)
        return output


class TwinCritics(nn.Module):
    """Two critics per expert, slices 2e and 2e+1: obs (E, B, O), action (E, B, A) -> values (E, 2, B)."""

    def __init__(
        self,
        experts: int,
        inputs: int,
        hidden: Sequence[int],
        layer_norm: bool,
        generators: Sequence[torch.Generator] | None = None,
    ) -> None:
        super().__init__()
        twice = None if generators is None else [generator for generator in generators for _ in range(2)]
        self.experts = experts
        self.net = StackedMLP(2 * experts, inputs, hidden, 1, layer_norm, twice)

    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        x = torch.cat([obs, action], -1).unsqueeze(1)
        values: Tensor = self.net(x.expand(-1, 2, -1, -1).flatten(0, 1))
        return values.view(self.experts, 2, -1)


def gaussian_head(output: Tensor) -> tuple[Tensor, Tensor]:
    """Split an actor's output (…, 2A) into mean and log std (…, A) of its Gaussian before squashing."""
    mu, log_std = output.chunk(2, -1)
    return mu, log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)


def take(state: Mapping[str, Tensor], experts: Sequence[int], slices_per_expert: int = 1) -> State:
    """State of the given experts only, as a stack of that many; critics have two slices per expert."""
    index = [slices_per_expert * e + k for e in experts for k in range(slices_per_expert)]
    return {name: value.detach()[index].clone() for name, value in state.items()}


def stack(states: Sequence[Mapping[str, Tensor]]) -> State:
    """The inverse of `take`: join stacks along their first dimension."""
    return {name: torch.cat([state[name] for state in states]) for name in states[0]}
