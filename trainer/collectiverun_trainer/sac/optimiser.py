"""Adam, and its moments as plain tensors: saved, restored and sliced by expert."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from collectiverun_trainer.sac.networks import State, take


class Adam(torch.optim.Adam):
    """torch's, of which any first use would load torch's compiler: 1.5 s that no phase has a use for.

    These methods only tell the compiler to leave them alone; below that they are as they are.
    """

    add_param_group = torch.optim.Adam.add_param_group.__wrapped__  # type: ignore[attr-defined]
    zero_grad = torch.optim.Adam.zero_grad.__wrapped__  # type: ignore[attr-defined]
    step = torch.no_grad()(torch.optim.Adam.step.__wrapped__)  # type: ignore[attr-defined]
    state_dict = torch.optim.Adam.state_dict.__wrapped__  # type: ignore[attr-defined]
    load_state_dict = torch.optim.Adam.load_state_dict.__wrapped__  # type: ignore[attr-defined]


class AdamW(Adam, torch.optim.AdamW):
    """The same with decoupled weight decay."""


def optimiser_state(optimiser: torch.optim.Adam) -> list[State]:
    """Copies of each parameter's moments and step count, in order; empty before the first step."""
    return [
        {name: value.clone() for name, value in optimiser.state[parameter].items()}
        for group in optimiser.param_groups
        for parameter in group["params"]
        if parameter in optimiser.state
    ]


def load_optimiser_state(optimiser: torch.optim.Adam, state: Sequence[State]) -> None:
    """Restore what `optimiser_state` returned; tensors move to each parameter's device."""
    optimiser.state.clear()
    if not state:
        return
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    for parameter, values in zip(parameters, state, strict=True):
        optimiser.state[parameter] = {
            name: value.to(parameter.device).clone() for name, value in values.items()
        }


def take_optimiser_state(
    state: Sequence[State], experts: Sequence[int], slices_per_expert: int
) -> list[State]:
    """The moments of the given experts; the step count is shared."""
    return [
        take({name: value for name, value in entry.items() if name != "step"}, experts, slices_per_expert)
        | {"step": entry["step"].clone()}
        for entry in state
    ]
