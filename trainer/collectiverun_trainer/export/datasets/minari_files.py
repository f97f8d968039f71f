"""A dataset in Minari's files (Farama), HDF5, by Minari itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py  # noqa: F401  (Minari needs it for these files, and would say so in words of its own)
import numpy as np
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from collectiverun_trainer.environments.spaces import action_space, observation_space
from collectiverun_trainer.export.datasets.document import DatasetDocument
from collectiverun_trainer.export.datasets.episodes import Episode


def write(folder: Path, document: DatasetDocument, episodes: Iterable[Episode]) -> None:
    """Write `<folder>/<id>/data`; where it lies in the end is what MINARI_DATASETS_PATH is to name.

    Raises:
        OSError: the folder can't be written.
    """
    dataset_id = _id(document)
    path = folder.absolute() / dataset_id / "data"  # Minari 0.5 does not find its files by a relative path
    path.mkdir(parents=True)
    storage = MinariStorage.new(path, observation_space=observation_space(), action_space=action_space())
    storage.update_metadata(
        {
            "dataset_id": dataset_id,
            "algorithm_name": document.algorithm,
            "description": f"{document.sentence()}.",
            "requirements": [f"metaworld=={document.versions['metaworld']}"],
            "minari_version": version("minari"),
            "collectiverun": document.model_dump(by_alias=True, mode="json"),
        }
    )
    kept: list[dict[str, Any]] = []
    storage.update_episodes(_buffers(episodes, kept))
    storage.update_episode_metadata(kept)


def told(document: DatasetDocument, folder: Path) -> dict[str, str]:
    """What the dataset in `folder` is called, and how it is opened."""
    dataset_id = _id(document)
    return {
        "dataset": dataset_id,
        "open": f"minari.load_dataset({dataset_id!r}), with MINARI_DATASETS_PATH={folder.absolute()}",
    }


def _id(document: DatasetDocument) -> str:
    return f"{document.title}-v0"


def _buffers(episodes: Iterable[Episode], kept: list[dict[str, Any]]) -> Iterator[EpisodeBuffer]:
    """Each episode as Minari takes it; what it keeps beside them is appended to `kept`."""
    for episode in episodes:
        kept.append(
            {
                "task": episode.task.name,
                "env": episode.task.env,
                "robot": episode.task.robot,
                "source": episode.source,
                "goal": episode.goal,
                "held_out": episode.held_out,
                "success": bool(episode.success.any()),
                "success_at_end": bool(episode.success[-1]),
            }
        )
        yield EpisodeBuffer(
            observations=episode.obs,
            actions=episode.action,
            rewards=episode.reward,
            terminations=episode.terminations,
            truncations=episode.truncations,
            # An info belongs to an observation: the one at reset tells of no success yet.
            infos={"success": np.concatenate([[False], episode.success])},
        )
