"""Episodes as files of an artifact: `<name>.safetensors` beside `<name>.json`."""

from __future__ import annotations

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.replay.episodes import Episodes


def write_episodes(writer: ArtifactWriter, name: str, episodes: Episodes) -> None:
    """Add `<name>.safetensors` and `<name>.json` to the artifact; `name` may hold folders."""
    tensors, document = episodes.to_tensors()
    writer.add_tensors(
        f"{name}.safetensors", {key: value.contiguous().cpu() for key, value in tensors.items()}
    )
    writer.add_json(f"{name}.json", document)


def read_episodes(artifact: Artifact, name: str) -> Episodes:
    """Read what `write_episodes` wrote, digests verified.

    Raises:
        InputInvalid: a file is missing or corrupt, or its parts are inconsistent.
    """
    tensors, document = artifact.read_tensors(f"{name}.safetensors"), artifact.read_json(f"{name}.json")
    try:
        return Episodes.from_tensors(tensors, document)
    except (ValueError, KeyError, TypeError) as error:
        raise InputInvalid(
            f"{name}.safetensors of {artifact.uri!r} holds no valid episodes: {error}"
        ) from error
