"""A collective as weights and a document, and from these again: whichever files they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import Task
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder


def sizes_of(network: CollectiveNetwork) -> dict[str, Any]:
    """What rebuilds the network."""
    return {"embeddingSize": network.embedding_size, "hiddenSizes": list(network.hidden_sizes)}


def tasks_and_scale(collective: Collective) -> dict[str, Any]:
    """Its tasks, and the units of its critics by task."""
    scale = collective.q_scale
    return {
        "tasks": [task.model_dump(by_alias=True, mode="json") for task in collective.tasks],
        "qScale": scale and {"mean": scale.mean.tolist(), "std": scale.std.tolist()},
    }


def assembled(
    sizes: Mapping[str, Any],
    document: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    encoder: TrajectoryEncoder,
    device: torch.device,
) -> Collective:
    """The collective on a device.

    Args:
        sizes: what `sizes_of` gives.
        document: holds what `tasks_and_scale` gives.
        weights: of the network.
        encoder: is on the device already.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: something is missing, or weights do not fit the sizes.
    """
    network = CollectiveNetwork(sizes["embeddingSize"], sizes["hiddenSizes"])
    network.load_state_dict(weights)
    tasks = tuple(Task.model_validate(task) for task in document["tasks"])
    scale = document["qScale"]
    q_scale = scale and QScale(torch.tensor(scale["mean"]), torch.tensor(scale["std"]))
    return Collective(network.to(device), encoder, tasks, q_scale)
