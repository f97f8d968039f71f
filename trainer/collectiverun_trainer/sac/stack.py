"""What is trained of E soft actor-critics: networks, temperatures, optimisers; its exact state."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.environments.observation import ACTION_SIZE
from collectiverun_trainer.sac.networks import StackedMLP, State, TwinCritics, take
from collectiverun_trainer.sac.optimiser import (
    Adam,
    load_optimiser_state,
    optimiser_state,
    take_optimiser_state,
)

_MODULES = {"actor": 1, "averaged_actor": 1, "critics": 2, "target_critics": 2}
_SLICES = _MODULES | {"temperature": 1}


class Stack:
    """Networks, temperatures and optimisers of E experts; slice e of each, or 2e and 2e + 1, is expert e's.

    Args:
        init: a generator of initial weights per expert; without them weights are to be loaded.
    """

    def __init__(
        self,
        experts: int,
        obs_size: int,
        params: SACParams,
        device: torch.device,
        init: Sequence[torch.Generator] | None = None,
    ) -> None:
        hidden, layer_norm = params.hidden_sizes, params.critic_layer_norm
        self.experts = experts
        actor = StackedMLP(experts, obs_size, hidden, 2 * ACTION_SIZE, generators=init)
        critics = TwinCritics(experts, obs_size + ACTION_SIZE, hidden, layer_norm, init)
        self.actor, self.critics = actor.to(device), critics.to(device)
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        self.averaged_actor = copy.deepcopy(self.actor).requires_grad_(False)
        start = math.log(params.initial_temperature)
        self.log_temperature = torch.full((experts, 1), start, device=device, requires_grad=True)
        self.parameters: dict[str, list[Tensor]] = {
            "actor": [*self.actor.parameters()],
            "critics": [*self.critics.parameters()],
            "temperature": [self.log_temperature],
        }
        self.optimisers = {
            name: Adam(parameters, params.learning_rate, fused=True)
            for name, parameters in self.parameters.items()
        }

    @property
    def _modules(self) -> dict[str, nn.Module]:
        return {name: getattr(self, name) for name in _MODULES}

    def state_dict(self) -> dict[str, Any]:
        """Nested dicts and lists of tensors, all copies."""
        modules: dict[str, Any] = {
            name: {key: value.clone() for key, value in module.state_dict().items()}
            for name, module in self._modules.items()
        }
        return modules | {
            "log_temperature": self.log_temperature.detach().clone(),
            "optimisers": {name: optimiser_state(optimiser) for name, optimiser in self.optimisers.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict` of a stack of the same sizes, in place."""
        for name, module in self._modules.items():
            module.load_state_dict(state[name])
        with torch.no_grad():
            self.log_temperature.copy_(state["log_temperature"])
        for name, optimiser in self.optimisers.items():
            load_optimiser_state(optimiser, state["optimisers"][name])


def take_experts(state: dict[str, Any], experts: Sequence[int]) -> dict[str, Any]:
    """A stack's state with these experts only; not one of their bits changes."""
    modules: dict[str, State] = {
        name: take(state[name], experts, slices) for name, slices in _MODULES.items()
    }
    return modules | {
        "log_temperature": state["log_temperature"][list(experts)],
        "optimisers": {
            name: take_optimiser_state(moments, experts, _SLICES[name])
            for name, moments in state["optimisers"].items()
        },
    }
