"""Export a buffer of a run as a dataset of Minari or LeRobot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.commands.new_folder import new_folder
from collectiverun_trainer.commands.packages import require_packages
from collectiverun_trainer.commands.requests import ExportDatasetRequest
from collectiverun_trainer.config import Task
from collectiverun_trainer.errors import Usage
from collectiverun_trainer.learned.published_run import PublishedRun, open_published
from collectiverun_trainer.policy_files.kinds import expert_kind
from collectiverun_trainer.replay.sources import SOURCES

if TYPE_CHECKING:
    from collectiverun_trainer.replay.episodes import Episodes

_PACKAGES: Final = {"minari": ("h5py", "minari"), "lerobot": ("pyarrow",)}


def run(request: ExportDatasetRequest) -> dict[str, Any]:
    """Write the dataset; where it is, how it is opened, and what it says of itself."""
    require_packages(*_PACKAGES[request.format])
    if unknown := [source for source in request.sources if source not in SOURCES]:
        raise Usage(f"no source is called {unknown[0]!r}; they are {', '.join(SOURCES)}")
    opened = open_published(request.run, request.storage, seed=request.seed)
    tasks = [opened.task(name) for name in request.tasks] or list(opened.tasks)
    files = _format(request.format)
    # Imported late, when nothing of the request is wrong that a manifest tells: torch takes a second.
    from collectiverun_trainer.export.datasets.document import describe
    from collectiverun_trainer.export.datasets.episodes import one_by_one, with_sources

    artifacts, buffers = _buffers(opened, request, tasks)
    parts = [part for buffer in buffers if len(part := with_sources(buffer, request.sources))]
    if not parts:
        raise Usage(_nothing(opened, request, buffers))
    kinds = {expert_kind(opened.artifact("experts", task), task) for task in tasks}
    document = describe(opened.root, request.buffer, artifacts, parts, kinds)
    with new_folder(request.output) as folder:
        files.write(folder, document, one_by_one(parts))
    told = files.told(document, Path(request.output))
    return {"output": request.output, **told, **document.model_dump(by_alias=True, mode="json")}


def _format(name: str) -> ModuleType:
    """The module that writes it; imported late, as what it needs takes a second."""
    if name == "minari":
        from collectiverun_trainer.export.datasets import minari_files

        return minari_files
    from collectiverun_trainer.export.datasets import lerobot_files

    return lerobot_files


def _buffers(
    opened: PublishedRun, request: ExportDatasetRequest, tasks: Sequence[Task]
) -> tuple[list[Artifact], list[Episodes]]:
    """The artifacts that hold the buffer, and its episodes of these tasks."""
    if request.buffer == "online":
        import torch  # imported late, as above

        buffer = opened.online_episodes()
        wanted = torch.tensor([task in tasks for task in buffer.tasks])
        return [opened.artifact("onlineDistillation")], [buffer.select(wanted[buffer.task])]
    artifacts = {a.uri: a for a in (opened.artifact("experts", task) for task in tasks)}
    return list(artifacts.values()), [opened.expert_episodes(task) for task in tasks]


def _nothing(opened: PublishedRun, request: ExportDatasetRequest, buffers: Sequence[Episodes]) -> str:
    acted = {SOURCES[source] for buffer in buffers for source in buffer.source.tolist()}
    have = ", ".join(source for source in SOURCES if source in acted)
    return (
        f"the {request.buffer} buffer of {opened.root} has no episodes of {', '.join(request.sources)};"
        f" it has {have or 'none of these tasks'}"
    )
