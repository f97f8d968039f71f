"""Checkpoints of one member: where a new attempt resumes.

Each lies at `<member>/checkpoints/attempt-<n>-step-<k>-<pod>/` and is published like an artifact, so one that
is incomplete or damaged does not count and the one before it is used. They are found by listing, which
phases do here, for earlier commits and for earlier runs alone (docs/adr/002, 021). Two Pods may carry out one
attempt, one after the other or, where a node was lost, at once: each writes folders of its own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from collectiverun_trainer.artifacts import agreement
from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, Artifact, ArtifactWriter, NeverCommitted
from collectiverun_trainer.artifacts.state_tree import flatten, unflatten
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.artifacts.tensor_files import read_tensors, write_tensors
from collectiverun_trainer.errors import InputInvalid

TREE_NAME: Final = "state.json"
_NAME = re.compile(r"attempt-([1-9]\d*)-step-(\d+)(?:-([0-9a-z]+))?")
_logger = logging.getLogger(__name__)


class CheckpointName(NamedTuple):
    """Step, attempt and Pod of a checkpoint; the newest compares largest."""

    step: int
    attempt: int
    pod: str = ""

    def __str__(self) -> str:
        return f"attempt-{self.attempt}-step-{self.step}" + (f"-{self.pod}" if self.pod else "")


class CheckpointStore:
    """Saves and finds checkpoints below `uri`.

    Args:
        storage: where they lie.
        uri: `<member>/checkpoints`.
        attempt: number of the attempt that saves.
        keep: number of valid ones to keep.
        config: configuration of the phase; a checkpoint saved under another one is refused, not resumed.
        pod: what tells this writer from another of the same attempt: lower-case letters and digits.
    """

    def __init__(
        self,
        storage: Storage,
        uri: str,
        attempt: int,
        keep: int = 2,
        config: Mapping[str, Any] | None = None,
        pod: str = "",
    ) -> None:
        if keep < 1:
            raise ValueError(f"keep is {keep!r}; keep at least one checkpoint.")
        self.last_step: int | None = None
        self._storage = storage
        self._uri = uri
        self._attempt = attempt
        self._pod = pod
        self._keep = keep
        self._config = dict(config or {})
        self._good: list[CheckpointName] = []
        # What may be removed once newer ones are good. Never what this attempt did not see or could not read:
        # a listing may have been wrong, and then it started from nothing beside a checkpoint of days.
        self._replaceable: set[CheckpointName] = set()

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Write one checkpoint, then remove those it replaces.

        Args:
            step: env steps or gradient steps done, whichever the phase counts in; must not decrease.
            state: nested dicts, lists and tuples of tensors, arrays and JSON scalars.

        Raises:
            TypeError: if the state holds anything else; the message names where.
        """
        name = CheckpointName(step, self._attempt, self._pod)
        tree, tensors = flatten(state)
        writer = ArtifactWriter(self._storage, self._address(name))
        write_tensors(writer, tensors)
        writer.add_json(TREE_NAME, tree)
        writer.commit({"step": step, "attempt": self._attempt, "config": self._config})
        self._remember(name)
        self._prune()

    def latest(self) -> tuple[int, dict[str, Any]] | None:
        """Step and state of the newest checkpoint that verifies, of any attempt; None if there is none.

        Raises:
            InvalidConfiguration: if it was saved under another configuration.
        """
        tried: set[CheckpointName] = set()
        while names := sorted(set(self._names()) - tried, reverse=True):
            found = self._first_good(names)
            if found is not None:
                return found
            tried.update(names)  # another Pod may have replaced them all since they were listed
        return None

    def _first_good(self, names: list[CheckpointName]) -> tuple[int, dict[str, Any]] | None:
        for index, name in enumerate(names):
            try:
                state = self._load(name)
            except InputInvalid as error:
                _logger.warning("Checkpoint %s cannot be used, trying the one before it: %s", name, error)
                if isinstance(error, NeverCommitted):
                    self._replaceable.add(name)
                continue
            self._remember(name)
            self._replaceable.update(names[index:])
            return name.step, state
        return None

    def _load(self, name: CheckpointName) -> dict[str, Any]:
        artifact = Artifact.open(self._storage, self._address(name))
        agreement.require(self._config, artifact.manifest.get("config", {}), artifact.uri)
        state = unflatten(artifact.read_json(TREE_NAME), read_tensors(artifact))
        if not isinstance(state, dict):
            raise InputInvalid(f"The checkpoint at {artifact.uri} holds no state.")
        return state

    def _remember(self, name: CheckpointName) -> None:
        self.last_step = name.step
        self._good = [good for good in self._good if good != name] + [name]
        self._replaceable.add(name)

    def _prune(self) -> None:
        """Keep the newest valid ones, and all of later attempts: those have replaced this one."""
        self._good = self._good[-self._keep :]
        for name in sorted(self._replaceable.difference(self._good)):
            self._replaceable.remove(name)
            if name.attempt <= self._attempt:
                self._remove(name)

    def _remove(self, name: CheckpointName) -> None:
        """The commit first: a removal that is cut off leaves what was never committed, and no damage."""
        self._storage.delete_tree(join(self._address(name), COMMIT_NAME))
        self._storage.delete_tree(self._address(name))

    def _names(self) -> list[CheckpointName]:
        matches = (_NAME.fullmatch(child) for child in self._storage.list(self._uri))
        return [CheckpointName(int(match[2]), int(match[1]), match[3] or "") for match in matches if match]

    def _address(self, name: CheckpointName) -> str:
        return join(self._uri, str(name))
