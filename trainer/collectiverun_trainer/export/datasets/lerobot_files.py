"""A dataset in LeRobot's files, format v3.0: Parquet and JSON as lerobot 0.4 to 0.6 write and read them.

lerobot itself asks for an older torch than this project and a newer Python, so pyarrow writes its format, and
`benchmarks/lerobot_reads.py` lets lerobot read it in an environment of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collectiverun_trainer.export.datasets.document import DatasetDocument
from collectiverun_trainer.export.datasets.episodes import Episode
from collectiverun_trainer.export.datasets.statistics import Columns, statistics

VERSION: Final = "v3.0"
CHUNK_FILES: Final = 1000
FILE_MEGABYTES: Final = 100
_FILE: Final = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_DATA: Final = f"data/{_FILE}"
_EPISODES: Final = f"meta/episodes/{_FILE}"
_OBJECT: Final = ("x", "y", "z", "q0", "q1", "q2", "q3")
_FRAME: Final = (
    *("hand_x", "hand_y", "hand_z", "gripper"),
    *(f"object{number}_{part}" for number in (1, 2) for part in _OBJECT),
)
_STATE: Final = (*_FRAME, *(f"previous_{name}" for name in _FRAME), "goal_x", "goal_y", "goal_z")
_VECTORS: Final = {
    "observation.state": _STATE,
    "action": ("hand_dx", "hand_dy", "hand_dz", "gripper"),
}
_SCALARS: Final = {
    "next.reward": "float32",
    "next.success": "bool",
    "next.terminated": "bool",
    "next.truncated": "bool",
    "next.done": "bool",
    # Those that every dataset has:
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
_TYPES: Final = {"float32": pa.float32(), "bool": pa.bool_(), "int64": pa.int64()}
_SCHEMA: Final = pa.schema(
    [(name, pa.list_(pa.float32(), len(names))) for name, names in _VECTORS.items()]
    + [(name, _TYPES[kind]) for name, kind in _SCALARS.items()]
)


def write(
    folder: Path, document: DatasetDocument, episodes: Iterable[Episode], file_megabytes: int = FILE_MEGABYTES
) -> None:
    """Write data/ and meta/ into the folder.

    Raises:
        OSError: the folder can't be written.
    """
    (folder / "meta").mkdir(parents=True)
    tasks = [task.name for task in document.tasks]
    rows, parts = [], []
    with ExitStack() as files:
        for row, columns in _written(folder, document, tasks, episodes, file_megabytes, files):
            rows.append(row)
            parts.append(columns)
    every = {name: np.concatenate([part[name] for part in parts]) for name in _SCHEMA.names}
    _write_json(folder / "meta/stats.json", statistics(every))
    _write_episodes(folder, rows)
    _write_tasks(folder, tasks)
    _write_json(folder / "meta/info.json", _info(document, file_megabytes))
    _write_json(folder / "meta/collectiverun.json", document.model_dump(by_alias=True, mode="json"))


def told(document: DatasetDocument, folder: Path) -> dict[str, str]:
    """What the dataset in `folder` is called, and how it is opened."""
    repository = f"local/{document.title}"
    return {"dataset": document.title, "open": f"LeRobotDataset({repository!r}, root={str(folder)!r})"}


def _written(
    folder: Path,
    document: DatasetDocument,
    tasks: list[str],
    episodes: Iterable[Episode],
    file_megabytes: int,
    files: ExitStack,
) -> Iterator[tuple[dict[str, Any], Columns]]:
    """Write the rows, one group of rows an episode; each episode's row of meta/episodes, and its columns."""
    number, first, written = -1, 0, float("inf")
    writer = None
    for index, episode in enumerate(episodes):
        columns = _columns(
            episode, index, first, tasks.index(episode.task.name), document.decisions_per_second
        )
        table = pa.table([_array(name, column) for name, column in columns.items()], schema=_SCHEMA)
        if writer is None or written + table.nbytes > file_megabytes * 2**20:
            number, written = number + 1, 0
            path = folder / _DATA.format(**_place(number))
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = files.enter_context(pq.ParquetWriter(path, _SCHEMA))
        writer.write_table(table)
        written += table.nbytes
        yield _row(episode, index, first, number, columns), columns
        first += len(episode)


def _place(number: int) -> dict[str, int]:
    """Where the file of a number stands."""
    return {"chunk_index": number // CHUNK_FILES, "file_index": number % CHUNK_FILES}


def _columns(episode: Episode, index: int, first: int, task: int, fps: int) -> Columns:
    steps = np.arange(len(episode))
    return {
        "observation.state": episode.obs[:-1],
        "action": episode.action,
        "next.reward": episode.reward,
        "next.success": episode.success,
        "next.terminated": episode.terminations,
        "next.truncated": episode.truncations,
        "next.done": episode.terminations | episode.truncations,
        "timestamp": (steps / fps).astype(np.float32),
        "frame_index": steps,
        "episode_index": np.full(len(episode), index),
        "index": first + steps,
        "task_index": np.full(len(episode), task),
    }


def _array(name: str, column: Any) -> pa.Array:
    kind = _SCHEMA.field(name).type
    if name in _VECTORS:
        return pa.FixedSizeListArray.from_arrays(pa.array(column.ravel(), pa.float32()), kind.list_size)
    return pa.array(column, kind)


def _row(episode: Episode, index: int, first: int, file: int, columns: Columns) -> dict[str, Any]:
    """What meta/episodes says of an episode; from `source` on it is ours, and lerobot passes it on."""
    return {
        "episode_index": index,
        "tasks": [episode.task.name],
        "length": len(episode),
        **{f"data/{name}": value for name, value in _place(file).items()},
        "dataset_from_index": first,
        "dataset_to_index": first + len(episode),
        **{f"meta/episodes/{name}": value for name, value in _place(0).items()},
        **{
            f"stats/{name}/{statistic}": values
            for name, of_column in statistics(columns).items()
            for statistic, values in of_column.items()
        },
        "source": episode.source,
        "goal": episode.goal,
        "held_out": episode.held_out,
        "success": bool(episode.success.any()),
        "success_at_end": bool(episode.success[-1]),
        "last_observation": episode.obs[-1].tolist(),
    }


def _write_episodes(folder: Path, rows: list[dict[str, Any]]) -> None:
    path = folder / _EPISODES.format(**_place(0))
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def _write_tasks(folder: Path, tasks: list[str]) -> None:
    """A table that pandas reads with the tasks as its index, as lerobot expects."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks)})
    kinds = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy, "metadata": None}
        for name, (kind, numpy) in kinds.items()
    ]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    pq.write_table(
        table.replace_schema_metadata({"pandas": json.dumps(pandas)}), folder / "meta/tasks.parquet"
    )


def _info(document: DatasetDocument, file_megabytes: int) -> dict[str, Any]:
    robots = dict.fromkeys(task.robot for task in document.tasks)
    vectors = {
        name: {"dtype": "float32", "shape": [len(names)], "names": list(names)}
        for name, names in _VECTORS.items()
    }
    scalars = {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in _SCALARS.items()}
    return {
        "codebase_version": VERSION,
        "robot_type": ", ".join(robots),
        "total_episodes": document.episodes,
        "total_frames": document.decisions,
        "total_tasks": len(document.tasks),
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": file_megabytes,
        "video_files_size_in_mb": 200,
        "fps": document.decisions_per_second,
        "splits": {"train": f"0:{document.episodes}"},
        "data_path": _DATA,
        "video_path": None,
        "features": vectors | scalars,
    }


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1))
