"""The files of the collective network and of its encoder, the trajectory transformer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter, opened
from collectiverun_trainer.collective.assembly import assembled, sizes_of, tasks_and_scale
from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.policy_files.common import EVALUATION, mismatch
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import Normaliser

_COLLECTIVE: Final = "collective"
_ENCODER: Final = "encoder"
COLLECTIVE_FILES: Final = tuple(
    f"{n}.{end}" for n in (_COLLECTIVE, _ENCODER) for end in ("safetensors", "json")
)


def save_collective(writer: ArtifactWriter, collective: Collective) -> None:
    """Add collective.safetensors, collective.json, encoder.safetensors and encoder.json."""
    writer.add_tensors(f"{_COLLECTIVE}.safetensors", collective.network.state_dict())
    document = {"kind": "collective", **sizes_of(collective.network), **tasks_and_scale(collective)}
    writer.add_json(f"{_COLLECTIVE}.json", document)
    save_encoder(writer, collective.encoder)


def load_collective(artifact: Artifact, device: torch.device) -> Collective:
    """The collective that `save_collective` wrote, on a device.

    Raises:
        InputInvalid: a file is missing or corrupt, or the weights do not fit the sizes beside them.
    """
    document = opened(artifact).read_json(f"{_COLLECTIVE}.json")
    encoder = load_encoder(artifact, device)
    weights = artifact.read_tensors(f"{_COLLECTIVE}.safetensors")
    try:
        return assembled(document, document, weights, encoder, device)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise mismatch(artifact, _COLLECTIVE, "a collective", "onlineDistillation", error) from error


def has_same_encoder(one: Artifact, other: Artifact) -> bool:
    """Whether two artifacts hold the same trajectory transformer, byte for byte."""
    return one.sha256(f"{_ENCODER}.safetensors") == other.sha256(f"{_ENCODER}.safetensors")


def copy_collective(source: Artifact, writer: ArtifactWriter) -> None:
    """Copy a published collective, encoder included, byte for byte."""
    for name in COLLECTIVE_FILES:
        writer.add(name, source.read(name))


def write_collective_outcomes(writer: ArtifactWriter, outcomes: Iterable[Outcomes]) -> None:
    """evaluation.json: how a collective's episodes on the reported goals ended, by task."""
    writer.add_json(EVALUATION, {outcome.task.name: outcome.to_document() for outcome in outcomes})


def read_collective_outcomes(artifact: Artifact) -> list[Outcomes]:
    """What `write_collective_outcomes` wrote."""
    return [Outcomes.from_document(document) for document in artifact.read_json(EVALUATION).values()]


def save_encoder(writer: ArtifactWriter, encoder: TrajectoryEncoder) -> None:
    """Add encoder.safetensors (weights, statistics) and encoder.json (what rebuilds the network)."""
    writer.add_tensors(f"{_ENCODER}.safetensors", encoder.state_dict())
    params = encoder.params.model_dump(by_alias=True, mode="json")
    writer.add_json(f"{_ENCODER}.json", {"kind": "trajectoryTransformer", "params": params})


def load_encoder(artifact: Artifact, device: torch.device) -> TrajectoryEncoder:
    """The encoder that `save_encoder` wrote, frozen and without dropout.

    Raises:
        InputInvalid: a file is missing or corrupt, or the weights do not fit the parameters beside them.
    """
    document = artifact.read_json(f"{_ENCODER}.json")
    try:
        params = TrajectoryTransformerParams.model_validate(document["params"])
        encoder = TrajectoryEncoder(params, Normaliser())
        encoder.load_state_dict(artifact.read_tensors(f"{_ENCODER}.safetensors"))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise mismatch(artifact, _ENCODER, "an encoder", "trajectoryTransformer", error) from error
    return encoder.to(device).eval().requires_grad_(False)
