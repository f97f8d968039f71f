"""What a run came to: the JSON document and the tables printed at its end. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from collectiverun_operator.cli.snapshot import (
    Snapshot,
    count_text,
    duration_text,
    failure_log,
    failure_sentence,
    member_name,
)
from collectiverun_operator.cluster.local.journal import PhaseTime
from collectiverun_operator.formatting import percent
from collectiverun_operator.jobs.uris import absolute_uri

JSONObject = dict[str, Any]
NETWORKS = ("experts", "collective", "students")
REPORT_FILE = "report.html"
_FILE_SCHEME = "file://"


def outcome_document(status: Mapping[str, Any], times: Mapping[str, PhaseTime]) -> JSONObject:
    """What `--json` prints: state, root, success, phases with their times, report."""
    return {
        "state": status.get("state"),
        "root": storage_root(status),
        "success": {name: rates for name in NETWORKS if (rates := (status.get("success") or {}).get(name))},
        "phases": [_phase_document(status, phase, times) for phase in status.get("phases") or []],
        "report": report_uri(status),
        "lastFailure": status.get("lastFailure"),
    }


def storage_root(status: Mapping[str, Any]) -> str | None:
    """URI below which everything of the run lies; None if it was never settled."""
    root: str | None = (status.get("resolved") or {}).get("storageRoot")
    return root


def report_uri(status: Mapping[str, Any]) -> str | None:
    """URI of the report; None before the evaluation has published it."""
    root = storage_root(status)
    for phase in status.get("phases") or []:
        for member in phase.get("members") or []:
            if phase["name"] == "evaluation" and member.get("uri") and root:
                return f"{absolute_uri(root, member['uri'])}/{REPORT_FILE}"
    return None


def _phase_document(
    status: Mapping[str, Any], phase: Mapping[str, Any], times: Mapping[str, PhaseTime]
) -> JSONObject:
    spent = times.get(phase["name"], PhaseTime(0.0, 0.0))
    root = storage_root(status) or ""
    return {
        "name": phase["name"],
        "state": phase.get("state"),
        "wallSeconds": round(spent.wall_seconds, 1),
        "cpuSeconds": round(spent.cpu_seconds, 1),
        "envSteps": phase.get("envSteps", 0),
        "success": phase.get("success"),
        "members": [_member_document(root, member) for member in phase.get("members") or []],
    }


def _member_document(root: str, member: Mapping[str, Any]) -> JSONObject:
    document = {key: member[key] for key in ("name", "state", "attempt", "success", "note") if key in member}
    uri = {"uri": absolute_uri(root, member["uri"])} if member.get("uri") else {}
    return {**document, **uri}


def outcome_parts(snapshot: Snapshot, times: Mapping[str, PhaseTime], record: Path) -> list[RenderableType]:
    """What a person reads at the end: success, times, where the report and the logs lie, what to do next."""
    status = snapshot.status
    parts: list[RenderableType] = [Text("")]
    if any((status.get("success") or {}).values()):
        parts += [_success_table(status), Text("")]
    parts += [_time_table(snapshot, times), Text("")]
    parts += [Text(line) for line in _notes(snapshot)]
    parts += [Text(line) for line in _closing_lines(snapshot, record)]
    return parts


def _success_table(status: Mapping[str, Any]) -> Table:
    table = _table("success", "any step", "at end")
    for name in NETWORKS:
        rates = status["success"].get(name)
        if rates:
            table.add_row(name, percent(rates["anyStep"]), percent(rates["atEnd"]))
    return table


def _time_table(snapshot: Snapshot, times: Mapping[str, PhaseTime]) -> Table:
    table = _table("phase", "state", "wall", "CPU", "env steps")
    for phase in snapshot.phases:
        spent = times.get(phase["name"])
        wall, cpu = (spent.wall_seconds, spent.cpu_seconds) if spent else (None, None)
        steps = count_text(phase.get("envSteps") or None)
        table.add_row(phase["name"], phase.get("state"), duration_text(wall), duration_text(cpu), steps)
    wall, cpu = (sum(getattr(t, name) for t in times.values()) for name in ("wall_seconds", "cpu_seconds"))
    table.add_row(Text("all", style="bold"), snapshot.state, duration_text(wall), duration_text(cpu), "")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in others:
        table.add_column(column, justify="left" if column == "state" else "right", no_wrap=True)
    return table


def _notes(snapshot: Snapshot) -> list[str]:
    return [
        f"{member_name(phase['name'], member['name'])}: {member['note']}"
        for phase in snapshot.phases
        for member in phase.get("members") or []
        if member.get("note")
    ]


def _closing_lines(snapshot: Snapshot, record: Path) -> list[str]:
    root, report = storage_root(snapshot.status), report_uri(snapshot.status)
    lines = [
        f"report     {shown_uri(report)}" if report else "",
        f"artifacts  {shown_uri(root)}" if root else "",
        f"record     {record}",
    ]
    if snapshot.state == "Failed":
        lines += _failure_lines(snapshot)
    return [line for line in lines if line]


def _failure_lines(snapshot: Snapshot) -> list[str]:
    failure = snapshot.status.get("lastFailure")
    if not failure:
        return []
    log = failure_log(failure, snapshot)
    return [
        "",
        f"failed     {failure_sentence(failure)}",
        f"log        {log}" if log else "",
        f"next       {what_next(failure)}",
    ]


def what_next(failure: Mapping[str, Any]) -> str:
    """What a person does about a run that failed."""
    again = "set spec.retryToken to a new value in the run file and run it again: what succeeded is kept"
    if failure.get("kind") == "deadline":
        return f"raise the deadline in spec.runPolicy, {again}"
    if failure.get("exitCode") == 3:
        return (
            "change what the message names; where that field can't change any more, give the run a new name"
        )
    if failure.get("exitCode") == 4:
        return f"restore the artifact the message names, then {again}"
    if failure.get("reason") == "OOMKilled":
        return f"raise spec.phases.{failure['phase']}.resources.limits.memory, then {again}"
    if failure.get("kind") == "infrastructure":
        return f"see that storage and machine are well, then {again}"
    return f"read the log, mend the cause, then {again}"


def shown_uri(uri: str | None) -> str:
    """A URI as a person uses it: a path where it is on this machine."""
    return (uri or "").removeprefix(_FILE_SCHEME)
