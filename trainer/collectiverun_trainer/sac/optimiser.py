"""Adam, and its moments as plain tensors: saved, restored and sliced by expert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.sac.networks import State, take

FIRST_DECAY, SECOND_DECAY, ADAM_EPSILON = 0.9, 0.999, 1e-8  # torch's defaults
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Adam(torch.optim.Adam):
    """torch's, of which any first use would load torch's compiler: 1.5 s that no phase has a use for.

    These methods only tell the compiler to leave them alone; below that they are as they are.
    """

    add_param_group = torch.optim.Adam.add_param_group.__wrapped__  # type: ignore[attr-defined]
    zero_grad = torch.optim.Adam.zero_grad.__wrapped__  # type: ignore[attr-defined]
    step = torch.no_grad()(torch.optim.Adam.step.__wrapped__)  # type: ignore[attr-defined]
    state_dict = torch.optim.Adam.state_dict.__wrapped__  # type: ignore[attr-defined]
    load_state_dict = torch.optim.Adam.load_state_dict.__wrapped__  # type: ignore[attr-defined]

    def __init__(self, parameters: Iterable[Tensor], lr: float, **options: Any) -> None:
        """The moments are made now, all zero, rather than in the first step."""
        super().__init__(parameters, lr, **options)
        for parameter in self.parameters:
            zeros = {name: torch.zeros_like(parameter, requires_grad=False) for name in _MOMENTS}
            self.state[parameter] = {"step": torch.zeros((), device=parameter.device)} | zeros

    def moments(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        """First and second moment of a parameter."""
        first, second = (self.state[parameter][name] for name in _MOMENTS)
        return first, second

    @property
    def counts(self) -> list[Tensor]:
        """Steps taken, counted for each parameter and always equal; whoever steps with the moments counts."""
        return [self.state[parameter]["step"] for parameter in self.parameters]

    @property
    def parameters(self) -> list[Tensor]:
        """What is optimised, in order."""
        return [parameter for group in self.param_groups for parameter in group["params"]]


class AdamW(Adam, torch.optim.AdamW):
    """The same with decoupled weight decay."""


def optimiser_state(optimiser: Adam) -> list[State]:
    """Copies of each parameter's moments and step count, in order."""
    return [
        {name: value.clone() for name, value in optimiser.state[parameter].items()}
        for parameter in optimiser.parameters
    ]


def load_optimiser_state(optimiser: Adam, state: Sequence[State]) -> None:
    """Restore what `optimiser_state` returned, in place."""
    for parameter, values in zip(optimiser.parameters, state, strict=True):
        for name, value in values.items():
            optimiser.state[parameter][name].copy_(value)


def take_optimiser_state(
    state: Sequence[State], experts: Sequence[int], slices_per_expert: int
) -> list[State]:
    """The moments of the given experts; the step count is shared."""
    return [
        take({name: value for name, value in entry.items() if name != "step"}, experts, slices_per_expert)
        | {"step": entry["step"].clone()}
        for entry in state
    ]
