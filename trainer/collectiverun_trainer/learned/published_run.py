"""A run as the manifests of its artifacts tell it: what there is of it, without any network.

Light: neither torch nor Meta-World is loaded before episodes are read, so that a command tells at once that a
run, a task or a phase is not there.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.reuse import tasks_of
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import PHASE_NAMES, EnvironmentSettings, Phase, Task
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.learned.addresses import locate
from collectiverun_trainer.learned.published import Published
from collectiverun_trainer.order import StorageOptions

if TYPE_CHECKING:
    from collectiverun_trainer.replay.episodes import Episodes

_COLLECTIVE_PHASES: Final[tuple[Phase, ...]] = ("refinement", "onlineDistillation")
"""Those that publish a collective, the latest first."""


class PublishedRun:
    """What a run has published so far. Opening it reads the manifests alone.

    Every method raises InputInvalid where what it is asked for is not there (yet) or is damaged,
    StorageRefused or StorageUnavailable where storage can't be read.
    """

    def __init__(self, root: str, published: Published, seed: int | None = None) -> None:
        self.root = root
        """URI of the run's folder."""
        self.published = published
        """What it has published of every seed; no public part."""
        self.seeds = published.seeds
        """The seeds that the run has learned with."""
        if seed is not None and seed not in self.seeds:
            known = ", ".join(map(str, self.seeds))
            raise InputInvalid(f"{root} has no seed {seed}; it has {known}")
        self.seed = self.seeds[0] if seed is None else seed
        """The one of them whose work this is."""
        self._artifacts = published.of_seed(self.seed)

    def of_seed(self, seed: int) -> Self:
        """The same run, as one of its seeds has done it. Raises InputInvalid if it has not the seed."""
        return type(self)(self.root, self.published, seed)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of which something is published, in their order."""
        return tuple(self._artifacts)

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The run's tasks, in its order; while no later phase is done those whose experts are."""
        whole = [found for phase, found in self._artifacts.items() if phase not in ("experts", "students")]
        return _tasks(*(whole[-1] if whole else self._artifacts["experts"]))

    @cached_property
    def settings(self) -> EnvironmentSettings:
        """How every phase stepped Meta-World, as written in the run; no public part, see `environment`."""
        (first, *_) = self._artifacts[self.phases[0]]
        return EnvironmentSettings.model_validate(first.manifest["config"]["environment"])

    def artifact(self, phase: Phase, task: Task | str | None = None) -> Artifact:
        """A phase's artifact: of the member that has the task, where a phase has several."""
        found = self._of(phase)
        if task is None:
            return found[0]
        wanted = self.task(task)
        for artifact in found:
            if wanted in _tasks(artifact):
                return artifact
        raise InputInvalid(f"{self.root} has published nothing of phase {phase} for task {wanted.name}")

    def artifacts(self, phase: Phase) -> tuple[Artifact, ...]:
        """Those of all members of a phase."""
        return tuple(self._of(phase))

    def latest_collective(self) -> Artifact:
        """The artifact with the collective: the refined one where the run has refined it; no public part."""
        done = [phase for phase in _COLLECTIVE_PHASES if phase in self._artifacts]
        return self.artifact(done[0] if done else "onlineDistillation")

    def task(self, task: Task | str) -> Task:
        """The run's task of that name, `reach-v3-sawyer` or `reach-v3`."""
        for known in self.tasks:
            if task in (known, known.name, known.env):
                return known
        name = task.name if isinstance(task, Task) else task
        raise InputInvalid(
            f"{self.root} has no task {name!r}; it has {', '.join(t.name for t in self.tasks)}"
        )

    def expert_episodes(self, task: Task | str) -> Episodes:
        """`buffer_distill`: episodes of one expert's training and of the expert itself, with its labels."""
        from collectiverun_trainer.replay.shards import read_episodes  # imported late: torch takes a second

        return read_episodes(self.artifact("experts", task), f"{self.task(task).name}/buffer_distill")

    def online_episodes(self) -> Episodes:
        """`online_buffer`: every episode that online distillation played, with the experts' labels."""
        from collectiverun_trainer.replay.shards import read_episodes  # imported late, as above

        return read_episodes(self.artifact("onlineDistillation"), "online_buffer")

    def summary(self) -> dict[str, Any]:
        """Every number of the report (`summary.json` of the evaluation)."""
        document: dict[str, Any] = self.artifact("evaluation").read_json("summary.json")
        return document

    def _of(self, phase: Phase) -> list[Artifact]:
        if phase in self._artifacts:
            return self._artifacts[phase]
        if phase not in PHASE_NAMES:
            raise InputInvalid(f"{phase!r} is no phase; the phases are {', '.join(PHASE_NAMES)}")
        raise InputInvalid(
            f"{self.root} has published nothing of phase {phase}: the run has not got there, or has no such"
            f" phase (it has published {', '.join(self.phases)})"
        )


def open_published(
    address: str | Path, storage: StorageOptions | None = None, *, seed: int | None = None
) -> PublishedRun:
    """A run by its name or root; arguments and errors are those of `learned.run.open_run`."""
    found = locate(address, storage)
    return PublishedRun(found.uri, Published.read(found.uri, Storage(found.options)), seed)


def _tasks(*artifacts: Artifact) -> tuple[Task, ...]:
    return tuple(task for artifact in artifacts for task in tasks_of(artifact))
