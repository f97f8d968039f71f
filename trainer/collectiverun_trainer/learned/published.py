"""Everything that a run has published: by seed and phase, the artifact of each member."""

from __future__ import annotations

from dataclasses import dataclass

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.commits import first_commits
from collectiverun_trainer.artifacts.parts import parts_of, seed_of
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import PHASE_NAMES, Phase
from collectiverun_trainer.errors import InputInvalid


@dataclass(frozen=True)
class Published:
    """The artifacts of a run; what members did for several seeds is there as the part of each."""

    storage: Storage
    seeds: tuple[int, ...]
    """At least one, in the run's order."""
    _artifacts: tuple[tuple[Phase, int | None, Artifact], ...]
    """With the seed; None: of all seeds together."""

    @classmethod
    def read(cls, root: str, storage: Storage) -> Published:
        """Open all of it. Raises InputInvalid if there is nothing, or a manifest is damaged."""
        found = [(phase, artifact) for phase in PHASE_NAMES for artifact in _opened(root, storage, phase)]
        if not found:
            raise InputInvalid(
                f"{root} holds no finished phase of a run; give the folder of one, "
                f"<storage.uri>/<namespace>/<name>-<id>"
            )
        artifacts: list[tuple[Phase, int | None, Artifact]] = []
        for phase, artifact in found:
            parts = parts_of(storage, artifact)
            shared = None if artifact.manifest.get("config", {}).get("seeds") else seed_of(artifact)
            artifacts += [(phase, seed, part) for seed, part in parts.items()] or [(phase, shared, artifact)]
        seeds = dict.fromkeys(seed for _, seed, _ in artifacts if seed is not None)
        return cls(storage, tuple(seeds) or (1,), tuple(artifacts))

    def of_seed(self, seed: int) -> dict[Phase, list[Artifact]]:
        """By phase, what there is of the seed, and of all seeds together."""
        own: dict[Phase, list[Artifact]] = {}
        for phase, made_for, artifact in self._artifacts:
            if made_for in (seed, None):
                own.setdefault(phase, []).append(artifact)
        return own


def _opened(root: str, storage: Storage, phase: Phase) -> list[Artifact]:
    """What each member of the phase committed first, as the run itself takes it."""
    return [Artifact.open(storage, uri) for uri in first_commits(storage, join(root, phase))]
