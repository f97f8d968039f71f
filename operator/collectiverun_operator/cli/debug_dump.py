"""`collectiverun debug-dump`: what a bug report needs of a run in one archive, without credentials."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from collectiverun_operator.cli import this_machine
from collectiverun_operator.cli.dump_archive import LOG_LIMIT, Dump, size_text
from collectiverun_operator.cli.exit_codes import CommandError
from collectiverun_operator.cli.looking import AsJSON, Name, find
from collectiverun_operator.cli.places import Cluster, Place
from collectiverun_operator.cli.printing import print_json, print_parts
from collectiverun_operator.cli.records import AttemptRecord, RunRecord
from collectiverun_operator.cli.redaction import Redactor, secrets_of
from collectiverun_operator.cli.run_tree import status_document
from collectiverun_operator.cli.surroundings import machine, versions
from collectiverun_operator.cluster.local.records import read_record
from collectiverun_operator.cluster.local.state_dir import JOURNAL_FILE, RUN_FILE, DamagedStateError, log_path
from collectiverun_operator.json_types import JSONObject

_LAST_ATTEMPTS: Final = (
    2  # of each member: the last one, and that before, which may tell why there was another
)
_LOG_LINES: Final = 4000  # that are asked of a cluster; LOG_LIMIT cuts them
_METADATA: Final = (
    "name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp", "labels",
)  # fmt: skip
# Of a variable, as `json.dump` writes it; escapes that are none are left out.
_VALUE: Final = re.compile(r'"value": *"((?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)')
_WARNING: Final = (
    "Credentials were taken out as far as a program can tell; look through it before you send it."
)


Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Archive to write, a new file; else NAME-ID-debug.tar.gz here."),
]


def debug_dump(
    name: Name,
    place: Place,
    output: Output = None,
    as_json: AsJSON = False,
) -> None:
    """Write an archive for a bug report: the run, its events, ends of its logs, versions; no credentials."""
    try:
        run = find(name, place)
        folder, state = f"{run.name}-{run.uid[:8]}-debug", run.state_directory
        dump = _of_a_cluster(run, place) if isinstance(place, Cluster) else _of_this_machine(run)
    except this_machine.DamagedRunError as error:
        folder, state = f"{error.folder.name[:8]}-debug", error.folder
        dump = _of_a_damaged_state(error.folder, str(error))
    dump.add_document("versions.json", versions())
    dump.add_document("machine.json", machine(state))
    path = output or Path(f"{folder}.tar.gz")
    dump.write(path, folder)
    _tell(dump, path, as_json)


def _of_a_damaged_state(state: Path, why: str) -> Dump:
    """What is left of a run whose document can't be read: it tells neither members nor what is secret."""
    dump = Dump(Redactor([*_values(state), *secrets_of({}, [], os.environ, _aws_credentials())]))
    dump.missing.append(f"run.json, attempts.json: {dump.redactor.text(why)}")
    _add_file(dump, "journal.jsonl", state / JOURNAL_FILE)
    logs = [path for path in (state / "logs").rglob("attempt-*") if path.is_file()]
    for path in sorted(logs, key=lambda path: path.stat().st_mtime, reverse=True):
        _add_file(dump, path.relative_to(state).as_posix(), path)
    return dump


def _values(state: Path) -> list[str]:
    """The value of every variable in what is left of the run's document."""
    try:
        content = (state / RUN_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [json.loads(f'"{text}"', strict=False) for text in _VALUE.findall(content)]


def _of_this_machine(run: RunRecord) -> Dump:
    state = run.state_directory or Path()
    try:
        body = read_record(state).body
    except (DamagedStateError, OSError) as error:
        raise this_machine.DamagedRunError(state, f"{state} can't be read: {error}") from None
    dump = _begun(run, body)
    _add_file(dump, "journal.jsonl", state / JOURNAL_FILE)
    for one in _attempts(run):
        for end in ("jsonl", "log"):
            path = log_path(state, one.phase, one.member, one.number, end)
            if path.exists():
                _add_file(dump, f"{_log_name(one)}.{end}", path)
    return dump


def _of_a_cluster(run: RunRecord, place: Cluster) -> Dump:
    from collectiverun_operator.cli import on_a_cluster  # imported late: nothing else needs its client

    body, jobs, pods = on_a_cluster.documents_there(place, run)
    dump = _begun(run, body, jobs, pods)
    dump.add_document("events.json", [_event(event) for event in on_a_cluster.events_there(place, run)])
    dump.add_document("jobs.json", [_observed(job) for job in jobs])
    dump.add_document("pods.json", [_observed(pod) for pod in pods])
    for one in _attempts(run):
        lines: list[bytes] = []
        try:
            on_a_cluster.show_log_there(place, run, one, lines.append, follow=False, last_lines=_LOG_LINES)
        except CommandError as error:
            dump.missing.append(f"{_log_name(one)}: {dump.redactor.text(str(error))}")
            continue
        dump.add_log(f"{_log_name(one)}.log", b"".join(line + b"\n" for line in lines))
        if len(lines) >= _LOG_LINES:
            dump.missing.append(f"{_log_name(one)}: what is before its last {_LOG_LINES} lines")
    return dump


def _begun(run: RunRecord, body: JSONObject, *others: list[JSONObject]) -> Dump:
    """A dump with the run's document in it, that knows what is to be hidden."""
    secrets = secrets_of(body, others, os.environ, _aws_credentials())
    dump = Dump(Redactor(secrets))
    metadata = {key: body["metadata"][key] for key in _METADATA if key in body["metadata"]}
    dump.add_document(
        "run.json", {"metadata": metadata, "spec": body.get("spec"), "status": body.get("status")}
    )
    dump.add_document("attempts.json", status_document(run))
    return dump


def _attempts(run: RunRecord) -> Iterator[AttemptRecord]:
    """The last attempts of each member, those that failed first: they matter if not all fit."""
    of_members = [
        run.attempts_of(phase, member.name)[-_LAST_ATTEMPTS:] for phase, member in run.status.members()
    ]
    found = [one for attempts in of_members for one in attempts]
    yield from sorted(found, key=lambda one: one.state == "Succeeded")


def _log_name(attempt: AttemptRecord) -> str:
    pod = f"-{attempt.pod}" if attempt.pod else ""
    return f"logs/{attempt.phase}/{attempt.member}/attempt-{attempt.number}{pod}"


def _add_file(dump: Dump, name: str, path: Path) -> None:
    """The end of a file, read no further back than is kept."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_LIMIT))
            dump.add_log(name, file.read(), size)
    except OSError as error:
        dump.missing.append(f"{name}: {path} can't be read: {error.strerror}")


def _aws_credentials() -> str:
    path = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _event(event: JSONObject) -> JSONObject:
    kept = ("type", "reason", "message", "count", "firstTimestamp", "lastTimestamp", "eventTime")
    return {key: event[key] for key in kept if key in event}


def _observed(body: JSONObject) -> JSONObject:
    """What became of a Job or Pod; how it was made is in the run."""
    metadata = {key: body["metadata"][key] for key in _METADATA if key in body["metadata"]}
    node = {"nodeName": body["spec"]["nodeName"]} if body.get("spec", {}).get("nodeName") else {}
    return {"metadata": metadata, **node, "status": body.get("status")}


def _tell(dump: Dump, path: Path, as_json: bool) -> None:
    if as_json:
        files = [
            {"name": one.name, "sizeBytes": len(one.content), "note": one.note or None}
            for one in dump.entries
        ]
        print_json({"output": str(path), "files": files, "missing": dump.missing})
        return
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 3, 0, 0))
    for entry in dump.entries:
        table.add_row(entry.name, Text(size_text(len(entry.content)), justify="right"), entry.note)
    print_parts(table, *(Text(f"missing: {sentence}") for sentence in dump.missing), Text(str(path)))
    typer.echo(_WARNING, err=True)
