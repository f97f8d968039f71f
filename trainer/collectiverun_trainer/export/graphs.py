"""A policy's networks as ONNX graphs. All scaling is inside them: they take what an environment gives."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

import onnx
import onnxscript  # noqa: F401  (torch's exporter needs it, and would say so in many lines)
import torch
from torch import Tensor, nn

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, compress, scale_obs
from collectiverun_trainer.sac.networks import StackedMLP, gaussian_head
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.windows import Windows

OPSET: Final = 18


class EncoderGraph(nn.Module):
    """obs (n, T, 39), action (n, T, 4), reward (n, T), mask (n, T) to embedding (n, Z)."""

    def __init__(self, encoder: TrajectoryEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, obs: Tensor, action: Tensor, reward: Tensor, mask: Tensor) -> Tensor:
        embedding: Tensor = self.encoder(Windows(compress(obs), action, reward[..., None], mask))
        return embedding


class CollectiveActorGraph(nn.Module):
    """embedding (n, Z) and obs (n, 39) to action (n, 4)."""

    def __init__(self, network: CollectiveNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, embedding: Tensor, obs: Tensor) -> Tensor:
        mean, _ = self.network.gaussian(embedding, obs)
        return torch.tanh(mean)


class ActorGraph(nn.Module):
    """obs (n, 39) to action (n, 4)."""

    def __init__(self, actor: StackedMLP) -> None:
        super().__init__()
        self.actor = actor

    def forward(self, obs: Tensor) -> Tensor:
        mean, _ = gaussian_head(self.actor(scale_obs(obs)[None]))
        return torch.tanh(mean[0])


def encoder_example(window: int) -> dict[str, Tensor]:
    """Inputs of an encoder's graph, by name, of two episodes."""
    return {
        "obs": torch.zeros(2, window, OBS_SIZE),
        "action": torch.zeros(2, window, ACTION_SIZE),
        "reward": torch.zeros(2, window),
        "mask": torch.ones(2, window, dtype=torch.bool),
    }


def to_onnx(module: nn.Module, inputs: Mapping[str, Tensor], output: str) -> bytes:
    """An ONNX file of a module; the first size of every input, n, is free."""
    module = module.eval()
    with torch.no_grad():
        module(*inputs.values())  # what it keeps of constants is real then, and no tracer's
    episodes = torch.export.Dim("n", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):  # what torch says of itself
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=[{0: episodes} for _ in inputs],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export made no program")
    model = _without_notes(program.model_proto)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def _without_notes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without torch's notes on nodes and values: each names files of the machine that exports."""
    graphs = [model.graph, *model.functions]
    for holder in (model, *graphs):
        del holder.metadata_props[:]
    for noted in chain.from_iterable((graph.node, graph.value_info) for graph in graphs):
        for one in noted:
            del one.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    return model


def described(inputs: Mapping[str, Tensor], meanings: Mapping[str, str]) -> Sequence[dict[str, object]]:
    """Name, type, shape and meaning of each input."""
    types = {torch.float32: "float32", torch.bool: "bool"}
    return [
        {
            "name": name,
            "type": types[given.dtype],
            "shape": ["n", *given.shape[1:]],
            "meaning": meanings[name],
        }
        for name, given in inputs.items()
    ]
