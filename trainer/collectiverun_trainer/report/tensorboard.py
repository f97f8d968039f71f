"""TensorBoard event files made in memory from metrics records: no temporary file, no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

FILE_VERSION = "brain.Event:2"


def event_files(phase: str, records: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
    """File name → content: a TensorBoard run for each task of `phase`, and one for metrics of no single task.

    TensorBoard takes a folder for a run, so that the same metric of all tasks lies in one chart.
    """
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_task.setdefault(record.get("task") or "all", []).append(record)
    return {
        f"{phase}/{task}/events.out.tfevents.collectiverun": event_file(own) for task, own in by_task.items()
    }


def event_file(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Metrics records (`envSteps`, `gradientSteps`, `values`) as one event file.

    The step of a point is env steps, or gradient steps where a phase takes no env steps. Metrics carry no
    time, so that equal runs give equal bytes: every point has wall time 0.
    """
    every = list(records)
    unit = "envSteps" if any(record["envSteps"] for record in every) else "gradientSteps"
    target = BytesIO()
    writer = RecordWriter(target)
    writer.write(Event(file_version=FILE_VERSION).SerializeToString())
    for record in every:
        writer.write(_event(record, unit).SerializeToString())
    return target.getvalue()


def _event(record: Mapping[str, Any], unit: str) -> Event:
    known = {tag: value for tag, value in record["values"].items() if value is not None}
    values = [Summary.Value(tag=tag, simple_value=float(value)) for tag, value in sorted(known.items())]
    return Event(step=int(record[unit]), summary=Summary(value=values))
