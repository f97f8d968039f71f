"""What a dataset says of itself, in either format: where it comes from and what its numbers mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import Field

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import EnvironmentSettings, Model, Task
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.replay.sources import SOURCES

FORMAT: Final = "collectiverun-dataset/1"
Buffer = Literal["experts", "online"]
ENV_STEPS_PER_SECOND: Final = 80
"""Of Meta-World: 5 steps of 2.5 ms of MuJoCo each."""


class DatasetDocument(Model):
    """Provenance. It names a run by its folder: where that lies is nobody else's business."""

    format: Literal["collectiverun-dataset/1"] = FORMAT
    run: str = Field(description="<namespace>/<name>-<id>.")
    buffer: Buffer
    artifacts: dict[str, str] = Field(description="sha256 of the manifest of each that was read.")
    algorithms: tuple[str, ...] = Field(description="What the experts are: sac, scripted.")
    tasks: tuple[Task, ...]
    sources: dict[str, int] = Field(description="Who acted, in how many episodes.")
    episodes: int
    decisions: int
    environment: EnvironmentSettings = Field(
        description="An action is held for actionRepeat env steps; control is what takes the hand there."
    )
    observation: str = "Meta-World v3: 39 numbers in metres, with the goal in the last three"
    action: str = "4 numbers from -1 to 1: hand's movement in x, y, z; gripper"
    reward: str = "Meta-World v3, version 2: 0 to 10; mean over the env steps that an action was held for"
    success: str = "of Meta-World, at the last env step that an action was held for"
    ending: str = "an episode is truncated at its horizon, and never terminated"
    goal: str = "index into the goals that Meta-World's MT1 draws for the seed environment.goalSeed"
    versions: dict[str, str] = Field(description="Of the phases' processes that recorded it.")

    @property
    def title(self) -> str:
        """What the dataset is called: `quickstart-0b5f1a2c-experts`."""
        return f"{self.run.rsplit('/', 1)[-1]}-{self.buffer}"

    @property
    def decisions_per_second(self) -> int:
        """Of simulated time, rounded."""
        return max(1, round(ENV_STEPS_PER_SECOND / self.environment.action_repeat))

    @property
    def algorithm(self) -> str:
        """What played: `sac`, or `online distillation of sac`."""
        experts = ", ".join(self.algorithms)
        return experts if self.buffer == "experts" else f"online distillation of {experts}"

    def sentence(self) -> str:
        """One for a person."""
        acted = ", ".join(f"{source} {count}" for source, count in self.sources.items())
        return (
            f"{self.episodes} episodes ({acted}) of {self.decisions} decisions on"
            f" {', '.join(task.name for task in self.tasks)}, from the {self.buffer} buffer of the"
            f" collectiverun run {self.run}"
        )


def describe(
    root: str, buffer: Buffer, artifacts: Sequence[Artifact], parts: Sequence[Episodes], algorithms: set[str]
) -> DatasetDocument:
    """The document of a dataset made of `parts`, which were read from `artifacts` of the run at `root`."""
    manifest: dict[str, Any] = artifacts[0].manifest
    acted = Counter(SOURCES[source] for part in parts for source in part.source.tolist())
    return DatasetDocument(
        run="/".join(root.rsplit("/", 2)[-2:]),
        buffer=buffer,
        artifacts={f"{a.manifest['phase']}/{a.manifest['member']}": a.manifest_sha256 for a in artifacts},
        algorithms=tuple(sorted(algorithms)),
        tasks=tuple(dict.fromkeys(part.tasks[i] for part in parts for i in sorted(set(part.task.tolist())))),
        sources=dict(acted),
        episodes=sum(map(len, parts)),
        decisions=sum(part.rows for part in parts),
        environment=EnvironmentSettings.model_validate(manifest["config"]["environment"]),
        versions=manifest["versions"],
    )
