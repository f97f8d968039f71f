"""The collective: one network for all tasks that sees (task embedding, observation), never a task's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, Array, scale_obs
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.sac.networks import StackedMLP, TwinCritics, gaussian_head
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder, load_encoder, save_encoder
from collectiverun_trainer.transformer.windows import History

ZMode = Literal["true", "zero", "shuffled"]

COLLECTIVE = "collective"
ENCODER = "encoder"
FILES = tuple(f"{name}.{ending}" for name in (COLLECTIVE, ENCODER) for ending in ("safetensors", "json"))
"""The files that together are a collective; copying them copies it."""


class CollectiveNetwork(nn.Module):
    """Actor and twin critics on [z, scaled obs]; the networks of one SAC expert with a wider input.

    Args:
        embedding_size: Z, length of the task embedding.
        hidden_sizes: width of each hidden layer.
        generator: of the initial weights; without one they stay unset, to be loaded.
    """

    def __init__(
        self, embedding_size: int, hidden_sizes: Sequence[int], generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.hidden_sizes = tuple(hidden_sizes)
        inputs = embedding_size + OBS_SIZE
        generators = None if generator is None else [generator]
        self.actor = StackedMLP(1, inputs, hidden_sizes, 2 * ACTION_SIZE, generators=generators)
        self.critics = TwinCritics(1, inputs + ACTION_SIZE, hidden_sizes, True, generators)

    def gaussian(self, z: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log std (B, 4) of the action before tanh, at z (B, Z) and raw obs (B, 39)."""
        mu, log_std = gaussian_head(self.actor(_inputs(z, obs)))
        return mu[0], log_std[0]

    def q(self, z: Tensor, obs: Tensor, action: Tensor) -> Tensor:
        """Both critics (2, B) in normalised units of the task at hand; `QScale` undoes that."""
        values: Tensor = self.critics(_inputs(z, obs), action[None])
        return values[0]


def _inputs(z: Tensor, obs: Tensor) -> Tensor:
    return torch.cat([z, scale_obs(obs)], -1)[None]


@dataclass(frozen=True)
class Collective:
    """A collective as it is published: it needs nothing else to act."""

    network: CollectiveNetwork
    encoder: TrajectoryEncoder
    tasks: tuple[Task, ...]
    """Whom it was taught by; a record, not an input."""
    q_scale: QScale | None
    """How to read its critics, per task; None: they were not taught (scripted experts have no Q)."""

    def policy(self, z_mode: ZMode = "true", tasks: int | None = None) -> CollectivePolicy:
        """It at play; `tasks` is the number of tasks whose rows lie side by side, for `shuffled` only."""
        return CollectivePolicy(self.encoder, self.network, z_mode, tasks or len(self.tasks))


class CollectivePolicy:
    """Acts from the history of each episode alone.

    `z_mode` is for ablations: `zero` hides the task embedding, `shuffled` gives every row the embedding of
    the next task's row at the same decision (rows lie task by task).

    Raises:
        ValueError: an unknown mode, or `shuffled` with fewer than two tasks.
    """

    def __init__(
        self, encoder: TrajectoryEncoder, network: CollectiveNetwork, z_mode: ZMode = "true", tasks: int = 1
    ) -> None:
        if z_mode not in get_args(ZMode):
            raise ValueError(f"z_mode {z_mode!r} is unknown; use one of {', '.join(get_args(ZMode))}")
        if z_mode == "shuffled" and tasks < 2:
            raise ValueError("z_mode 'shuffled' takes another task's embeddings: it needs at least two tasks")
        self.encoder = encoder
        self.network = network
        self.z_mode = z_mode
        self.tasks = tasks
        self.device = next(network.parameters()).device
        self._history = History(0, encoder.params.window)

    def begin(self, n: int) -> None:
        """n new episodes start with empty histories."""
        self._history = History(n, self.encoder.params.window)

    def observe(self, obs: Array, action: Array, reward: Array) -> None:
        """A decision is completed: obs (n, 39), action (n, 4), unscaled reward (n,)."""
        self._history.append(obs, action, reward)

    def embed(self) -> Tensor:
        """The task embeddings (n, Z) it now acts on."""
        z = self.encoder.embed(self._history.windows())
        if self.z_mode == "zero":
            return torch.zeros_like(z)
        return z if self.z_mode == "true" else z.roll(len(z) // self.tasks, 0)

    @torch.no_grad()
    def gaussian(self, obs: Array, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log std (n, 4) before tanh at raw obs (n, 39) and z (n, Z)."""
        return self.network.gaussian(z, torch.from_numpy(obs).to(self.device))

    def act(self, obs: Array) -> Array:
        """Deterministic actions (n, 4) in [-1, 1] at raw obs (n, 39)."""
        mu, _ = self.gaussian(obs, self.embed())
        action: Array = torch.tanh(mu).cpu().numpy().astype(np.float32)
        return action


def save_collective(writer: ArtifactWriter, collective: Collective) -> None:
    """Add collective.safetensors, collective.json, encoder.safetensors and encoder.json."""
    network, scale = collective.network, collective.q_scale
    writer.add_tensors(f"{COLLECTIVE}.safetensors", network.state_dict())
    document = {
        "kind": "collective",
        "embeddingSize": network.embedding_size,
        "hiddenSizes": list(network.hidden_sizes),
        "tasks": [task.model_dump(by_alias=True, mode="json") for task in collective.tasks],
        "qScale": scale and {"mean": scale.mean.tolist(), "std": scale.std.tolist()},
    }
    writer.add_json(f"{COLLECTIVE}.json", document)
    save_encoder(writer, ENCODER, collective.encoder)


def load_collective(artifact: Artifact, device: torch.device) -> Collective:
    """The collective that `save_collective` wrote, on a device.

    Raises:
        InputInvalid: a file is missing or corrupt, or the weights do not fit the sizes beside them.
    """
    document = artifact.read_json(f"{COLLECTIVE}.json")
    encoder = load_encoder(artifact, ENCODER, device)
    weights = artifact.read_tensors(f"{COLLECTIVE}.safetensors")
    try:
        network = CollectiveNetwork(document["embeddingSize"], document["hiddenSizes"])
        network.load_state_dict(weights)
        tasks = tuple(Task.model_validate(task) for task in document["tasks"])
        scale = document["qScale"]
        q_scale = scale and QScale(torch.tensor(scale["mean"]), torch.tensor(scale["std"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputInvalid(
            f"{COLLECTIVE}.json and {COLLECTIVE}.safetensors of {artifact.uri} do not make a collective: "
            f"{error}; run the phase onlineDistillation again"
        ) from error
    return Collective(network.to(device), encoder, tasks, q_scale)


def copy_collective(source: Artifact, writer: ArtifactWriter) -> None:
    """Copy a published collective byte for byte."""
    for name in FILES:
        writer.add(name, source.read(name))
