"""Networks of one task that compute what the collective computes on it: its embedding becomes a bias.

On a single task the embedding hardly changes, so its mean z̄ may replace it. The collective's first layer
then reads W_z z̄ + W_obs obs + b, which is the first layer of a network on obs alone with bias W_z z̄ + b. So a
student starts from the collective's weights and yet is an ordinary soft actor-critic.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import Task
from collectiverun_trainer.sac.agent import StackedSAC
from collectiverun_trainer.sac.networks import State


def student_actor(collective: Collective, z: Tensor) -> State:
    """Actor, as a stack of one, that acts at every obs as the collective does with the embedding z (Z,)."""
    return _folded(collective.network.actor.state_dict(), z)


def student_critics(collective: Collective, z: Tensor, task: Task) -> State | None:
    """Twin critics in units of the scaled reward; None if the collective's were not trained.

    A task the collective was not trained on gets the mean scale of those it was.
    """
    if collective.q_scale is None:
        return None
    state = _folded(collective.network.critics.state_dict(), z)
    mean, std = _scale_of(collective.q_scale, collective.tasks, task)
    last = max(int(name.split(".")[2]) for name in state)
    weight, bias = f"net.layers.{last}.weight", f"net.layers.{last}.bias"
    state[weight] = state[weight] * std
    state[bias] = state[bias] * std + mean
    return state


@torch.no_grad()
def set_slice(agent: StackedSAC, slot: int, actor: State, critics: State | None) -> None:
    """Put an actor, and critics if given, into one slot of a stack; targets follow the critics."""
    actors = (agent.actor, agent.averaged_actor)
    modules: list[tuple[nn.Module, State, int, int]] = [(module, actor, slot, 1) for module in actors]
    if critics is not None:
        modules += [(module, critics, 2 * slot, 2) for module in (agent.critics, agent.target_critics)]
    for module, state, first, slices in modules:
        for name, value in module.state_dict().items():
            value[first : first + slices] = state[name].to(value.device)


def _folded(state: State, z: Tensor) -> State:
    first = next(
        name.removesuffix("weight") for name in state if "layers.0." in name and name.endswith("weight")
    )
    weight, bias = state[f"{first}weight"], state[f"{first}bias"]
    of_z, rest = weight[:, : len(z)], weight[:, len(z) :]
    folded = {f"{first}weight": rest.clone(), f"{first}bias": bias + (z.to(bias.device) @ of_z).unsqueeze(1)}
    return {name: value.clone() for name, value in state.items()} | folded


def _scale_of(scale: QScale, tasks: tuple[Task, ...], task: Task) -> tuple[Tensor, Tensor]:
    if task in tasks:
        index = tasks.index(task)
        return scale.mean[index], scale.std[index]
    return scale.mean.mean(), scale.std.mean()
