"""A run with what it has learned; every file is checked against its manifest when it is read."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final, Self

import torch

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.learned.own_robots import adopt_robots
from collectiverun_trainer.learned.policy import LearnedPolicy
from collectiverun_trainer.learned.published import Published
from collectiverun_trainer.learned.published_run import PublishedRun, open_published
from collectiverun_trainer.learning.learner import Role
from collectiverun_trainer.order import ArtifactReference, StorageOptions
from collectiverun_trainer.policy_files.collectives import load_collective, load_encoder
from collectiverun_trainer.policy_files.common import EVALUATION
from collectiverun_trainer.policy_files.learners import load_experts, load_students
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.windows import windows

_ROWS: Final = 1024  # of recorded episodes whose windows are in memory at once


class Run(PublishedRun):
    """What a run has published so far, its networks too. Opening it reads the manifests alone.

    Every method raises InputInvalid where what it is asked for is not there (yet) or is damaged,
    StorageRefused or StorageUnavailable where storage can't be read.
    """

    def __init__(
        self, root: str, published: Published, device: torch.device, seed: int | None = None
    ) -> None:
        super().__init__(root, published, seed)
        self._device = device

    @classmethod
    def of(cls, found: PublishedRun, device: str | torch.device = "cpu") -> Self:
        """The run with its networks, which compute on the device; no public part."""
        return cls(found.root, found.published, torch.device(device), found.seed)

    def of_seed(self, seed: int) -> Self:
        """The same run, as one of its seeds has done it. Raises InputInvalid if it has not the seed."""
        return type(self)(self.root, self.published, self._device, seed)

    @cached_property
    def environment(self) -> EnvironmentSettings:
        """How every phase stepped Meta-World, with the models of robots that the run brought along."""
        models: dict[str, str] = {}
        for artifact in (each for phase in self.phases for each in self.artifacts(phase)):
            models |= adopt_robots(artifact)
        return self.settings.model_copy(update={"robot_models": models})

    def collective(self) -> LearnedPolicy:
        """The network for all tasks; the refined one where the run has refined it."""
        collective, uri = self.collective_network(), self.latest_collective().uri
        return LearnedPolicy(collective.policy(), collective.tasks, self.environment, uri)

    def collective_network(self) -> Collective:
        """What acts in `collective`, with the units of its critics; no public part."""
        return load_collective(self.latest_collective(), self._device)

    def expert(self, task: Task | str) -> LearnedPolicy:
        """The expert of one task."""
        wanted, artifact = self.task(task), self.artifact("experts", task)
        experts, _ = load_experts([(_reference(artifact, wanted), artifact)], self._device)
        return LearnedPolicy(experts.policy_for(wanted), (wanted,), self.environment, artifact.uri)

    def student(self, task: Task | str) -> LearnedPolicy:
        """The student of one task: a new learner that the collective helped."""
        return self._learner(task, "student")

    def control(self, task: Task | str) -> LearnedPolicy:
        """The student's control, which nobody helped."""
        return self._learner(task, "control")

    def encoder(self) -> TrajectoryEncoder:
        """The trajectory transformer, a torch module that makes task embeddings of windows."""
        return load_encoder(self.artifact("trajectoryTransformer"), self._device)

    def embeddings(self, episodes: Episodes) -> Array:
        """The encoder's embedding (rows, Z) of the episode so far, at every decision of recorded episodes."""
        encoder = self.encoder()
        rows = torch.split(torch.arange(episodes.rows), _ROWS)
        parts = [encoder.embed(windows(episodes, some, encoder.params.window)) for some in rows]
        embedded: Array = torch.cat(parts).cpu().numpy()
        return embedded

    def outcomes(self) -> dict[str, dict[Task, Outcomes]]:
        """How every episode of the evaluation ended, by network and task.

        Networks: experts, collective, zero and shuffled (its ablations), students, controls.
        """
        artifact = self.artifact("evaluation")
        try:
            read = {
                network: [Outcomes.from_document(document) for document in documents]
                for network, documents in artifact.read_json(EVALUATION).items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputInvalid(f"{EVALUATION} of {artifact.uri} holds no outcomes: {error!r}") from error
        return {network: {outcome.task: outcome for outcome in found} for network, found in read.items()}

    def environments(self, *tasks: Task | str, copies: int = 1) -> VectorEnvironment:
        """Fresh environments, stepped as the run's were: `copies` of each task side by side, task by task.

        Without tasks: of all tasks of the run. A Task that the run never saw is fine.
        """
        chosen = tuple(task if isinstance(task, Task) else self.task(task) for task in tasks) or self.tasks
        return VectorEnvironment(chosen, self.environment, copies)

    def _learner(self, task: Task | str, role: Role) -> LearnedPolicy:
        wanted, artifact = self.task(task), self.artifact("students", task)
        policies = load_students([(_reference(artifact, wanted), artifact)], self._device)
        return LearnedPolicy(policies[role][wanted], (wanted,), self.environment, artifact.uri)


def open_run(
    address: str | Path,
    storage: StorageOptions | None = None,
    device: str | torch.device = "cpu",
    *,
    seed: int | None = None,
) -> Run:
    """A run by its name on this machine, or by its root: a path (`./…`, `/…`), `file://` or `s3://`.

    Args:
        address: `quickstart`, or `quickstart-0b5f1a2c` where runs share a name; or the run's folder.
        storage: how an S3 server other than AWS is reached; a run that is known by name brings its own.
            Keys come from the environment (AWS_*).
        device: where its networks compute.
        seed: whose work it is, of a run of several; None: of the first one.

    Raises:
        InputInvalid: there is no such run, nothing of it is published, a manifest is damaged, or the run has
            not the seed.
        StorageRefused, StorageUnavailable: storage can't be read.
    """
    return Run.of(open_published(address, storage, seed=seed), device)


def _reference(artifact: Artifact, task: Task) -> ArtifactReference:
    return ArtifactReference(member=artifact.manifest["member"], uri=artifact.uri, tasks=(task,))
