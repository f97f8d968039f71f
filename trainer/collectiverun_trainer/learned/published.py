"""Everything that a run has published: by seed and phase, the artifact of each member."""

from __future__ import annotations

from dataclasses import dataclass

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.commits import first_commits
from collectiverun_trainer.artifacts.parts import by_seed
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import PHASE_NAMES, Phase
from collectiverun_trainer.errors import InputInvalid


@dataclass(frozen=True)
class Published:
    """The artifacts of a run; what members did for several seeds is there as the part of each."""

    seeds: tuple[int, ...]
    """At least one, in the run's order."""
    _artifacts: tuple[tuple[Phase, int | None, Artifact], ...]
    """With the seed; None: of all seeds together."""

    @classmethod
    def read(cls, root: str, storage: Storage) -> Published:
        """Open all of it. Raises InputInvalid if there is nothing, or a manifest is damaged."""
        artifacts = tuple(
            (phase, seed, own)
            for phase in PHASE_NAMES
            for uri in first_commits(storage, join(root, phase))  # of each member, as the run itself takes it
            for seed, own in by_seed(storage, Artifact.open(storage, uri))
        )
        if not artifacts:
            raise InputInvalid(
                f"{root} holds no finished phase of a run; give the folder of one, "
                f"<storage.uri>/<namespace>/<name>-<id>"
            )
        seeds = dict.fromkeys(seed for _, seed, _ in artifacts if seed is not None)
        return cls(tuple(seeds) or (1,), artifacts)

    def of_seed(self, seed: int) -> dict[Phase, list[Artifact]]:
        """By phase, what there is of the seed, and of all seeds together."""
        own: dict[Phase, list[Artifact]] = {}
        for phase, made_for, artifact in self._artifacts:
            if made_for in (seed, None):
                own.setdefault(phase, []).append(artifact)
        return own
