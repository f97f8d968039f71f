"""The runs of this machine, read from their state directories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from collectiverun_operator.api.pod_outcome import DRIVER_LOST
from collectiverun_operator.api.status_json import UnreadableStatusError, read_status
from collectiverun_operator.cli.exit_codes import NotThereError, UnknownRunError
from collectiverun_operator.cli.plain_lines import progress_text
from collectiverun_operator.cli.records import AttemptRecord, AttemptState, RunRecord
from collectiverun_operator.cluster.local.journal import Event
from collectiverun_operator.cluster.local.progress import ProgressTail
from collectiverun_operator.cluster.local.records import LocalRecord, read_record, record_folders
from collectiverun_operator.cluster.local.state_dir import RUN_FILE, DamagedStateError, log_path

_METADATA_NAME: Final = re.compile(rb'"metadata": *\{.*?"name": *"([^"]+)"', re.DOTALL)
STOPPED_CODE: Final = 143  # of a trainer that saved a checkpoint because it was asked to stop


class DamagedRunError(NotThereError):
    """The state directory of a run can't be read."""

    def __init__(self, folder: Path, message: str) -> None:
        super().__init__(message)
        self.folder = folder


def runs_here(cache: Path) -> Iterator[RunRecord | DamagedRunError]:
    """Every run of this machine; for a state directory that can't be read, what is wrong with it."""
    for folder in record_folders(cache):
        try:
            yield _run_record(read_record(folder))
        except (NotThereError, DamagedStateError) as error:
            yield DamagedRunError(folder, str(error))
        except OSError as error:
            yield DamagedRunError(folder, f"{folder} can't be read: {error.strerror}")


def find_here(cache: Path, name: str) -> RunRecord:
    """The run called `name`, `<namespace>/<name>`, `<name>-<start of its uid>` or by its whole uid.

    Raises UnknownRunError if there is none or more than one, with what there is; DamagedRunError if it can't
    be read.
    """
    known = list(runs_here(cache))
    runs = [run for run in known if isinstance(run, RunRecord)]
    found = [run for run in runs if name in _names(run)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = " or ".join(f"{run.name}-{run.uid[:8]} ({run.status.storage_root})" for run in found)
        raise UnknownRunError(f"{len(found)} runs of this machine are called {name!r}; say which: {ids}")
    for run in known:
        if isinstance(run, DamagedRunError) and name in _remains_of_names(run.folder):
            raise run
    raise UnknownRunError(_unknown(name, runs, cache))


def _remains_of_names(folder: Path) -> tuple[str, ...]:
    """What the run of a damaged state directory can be called: its folder's name is its uid."""
    uid = folder.name
    try:
        found = _METADATA_NAME.search((folder / RUN_FILE).read_bytes())
    except OSError:
        found = None
    name = found[1].decode(errors="replace") if found else ""
    return uid, *((name, f"{name}-{uid[:8]}") if name else ())


def _unknown(name: str, runs: Sequence[RunRecord], cache: Path) -> str:
    if not runs:
        return f"no run is called {name!r}: {cache} knows none; a run is begun by collectiverun run -f FILE"
    names = ", ".join(sorted({run.name for run in runs}))
    return f"no run of this machine is called {name!r}; it knows {names}"


def _names(run: RunRecord) -> tuple[str, ...]:
    return run.name, run.title, f"{run.name}-{run.uid[:8]}", run.uid


def _run_record(record: LocalRecord) -> RunRecord:
    metadata, storage = record.body["metadata"], record.body["spec"].get("storage")
    try:
        status = read_status(record.body.get("status") or {})
    except UnreadableStatusError as error:
        raise NotThereError(f"{record.folder}: {error}") from None
    return RunRecord(
        namespace=str(metadata.get("namespace") or "default"),
        name=str(metadata["name"]),
        uid=str(metadata.get("uid") or record.folder.name),
        status=status,
        attempts=tuple(_attempts(record)),
        storage=storage if isinstance(storage, dict) else None,
        is_driven=record.is_driven,
        state_directory=record.folder,
    )


def _attempts(record: LocalRecord) -> Iterator[AttemptRecord]:
    """Attempts that began, or ended before their process did; of a Pod that ended twice the first counts."""
    begun: dict[str, Event] = {}
    ended: dict[str, Event] = {}
    for event in record.events:
        if event["event"] in ("podStarted", "podEnded"):
            begun.setdefault(event["podUid"], event)
        if event["event"] == "podEnded":
            ended.setdefault(event["podUid"], event)
    for uid, event in begun.items():
        yield _ended(event, ended[uid]) if uid in ended else _going_on(record, event)


def _ended(event: Event, end: Event) -> AttemptRecord:
    code = int(end["exitCode"])
    return replace(
        _attempt(event, "Succeeded" if code == 0 else "Stopped" if code == STOPPED_CODE else "Failed"),
        reason=str(end.get("reason") or ""),
        exit_code=code,
        ended=float(end["endedTime"]),
        cpu_seconds=float(end["cpuSeconds"]),
    )


def _going_on(record: LocalRecord, event: Event) -> AttemptRecord:
    """An attempt that runs, with how far it is; or one that was lost with the command that drove it."""
    if not record.is_driven:
        return replace(_attempt(event, "Stopped"), reason=DRIVER_LOST)
    attempt = _attempt(event, "Running")
    written = log_path(record.folder, attempt.phase, attempt.member, attempt.number, "jsonl")
    progress = ProgressTail(written).newest()
    is_told = progress is not None and (progress.retrying or not progress.is_silent)
    return replace(attempt, message=progress_text(progress)) if progress and is_told else attempt


def _attempt(event: Event, state: AttemptState) -> AttemptRecord:
    number, started = int(event.get("attempt") or 0), event.get("startedTime")
    return AttemptRecord(event["phase"], event["member"], number, state, started=started)
