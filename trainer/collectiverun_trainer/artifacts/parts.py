"""Artifacts within an artifact: what a member that works for several seeds publishes, one part for each.

A part is an artifact like any other, in the folder `seed-<n>` of the one it belongs to, whose manifest has
its digest. Who needs one seed opens its part and sees no difference from a run of that seed alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from collectiverun_trainer.artifacts.artifact import Artifact, Commit
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.errors import InputInvalid

_KEY: Final = "parts"


def folder_of(seed: int) -> str:
    """Folder of a seed's part."""
    return f"seed-{seed}"


def parts_metadata(commits: Mapping[int, Commit]) -> dict[str, Any]:
    """What the manifest of the whole says of its parts, committed before."""
    parts = [{"seed": seed, "manifestSha256": commit.manifest_sha256} for seed, commit in commits.items()]
    return {_KEY: parts} if parts else {}


def parts_of(storage: Storage, artifact: Artifact) -> dict[int, Artifact]:
    """The part of each seed, in the order of the manifest; empty if it is one artifact.

    Raises:
        InputInvalid: a part is missing or damaged, or is not the one that was published.
    """
    try:
        digests = {int(part["seed"]): part["manifestSha256"] for part in artifact.manifest.get(_KEY, ())}
    except (KeyError, TypeError, ValueError) as error:
        raise InputInvalid(f"The manifest of {artifact.uri} does not say what its parts are.") from error
    return {
        seed: Artifact.open(storage, join(artifact.uri, folder_of(seed)), digest)
        for seed, digest in digests.items()
    }


def part_of(storage: Storage, artifact: Artifact, seed: int) -> Artifact:
    """The artifact of one seed: the part, or the artifact itself if it has none.

    Raises:
        InputInvalid: as `parts_of`, or if there are parts but none of that seed.
    """
    parts = parts_of(storage, artifact)
    if parts and seed not in parts:
        raise InputInvalid(f"{artifact.uri} has seeds {', '.join(map(str, parts))}, and no seed {seed}.")
    return parts.get(seed, artifact)


def by_seed(storage: Storage, artifact: Artifact) -> list[tuple[int | None, Artifact]]:
    """Its parts, or the artifact itself, each behind its seed; None: of all seeds together.

    Raises:
        InputInvalid: as `parts_of`.
    """
    return [*parts_of(storage, artifact).items()] or [(seed_of(artifact), artifact)]


def seed_of(artifact: Artifact) -> int | None:
    """The seed of an artifact without parts; None if it is of several together, or its manifest has none."""
    config = artifact.manifest.get("config", {})
    seed = None if config.get("seeds") else config.get("seed")
    return seed if isinstance(seed, int) else None


def verify(storage: Storage, artifact: Artifact) -> None:
    """Read every file of the artifact and of its parts. Raises InputInvalid if any is damaged."""
    for one in (artifact, *parts_of(storage, artifact).values()):
        one.verify()
