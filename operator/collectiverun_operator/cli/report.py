"""The outcome of a run: the JSON document and the tables printed at its end. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from collectiverun_operator.api.status import (
    LastFailure,
    MemberStatus,
    NetworkSuccess,
    PhaseStatus,
    RunStatus,
)
from collectiverun_operator.api.status_fields import Record
from collectiverun_operator.api.tasks import seed_of
from collectiverun_operator.api.trainer_report import STORAGE_REFUSED
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
from collectiverun_operator.json_types import JSONObject

_FILE_SCHEME = "file://"


def outcome_document(status: RunStatus, times: Mapping[str, PhaseTime]) -> JSONObject:
    """What `--json` prints: state, root, success, phases with their times, report."""
    return {
        "state": status.state,
        "root": status.storage_root or None,
        "success": status.success.to_json(),
        "phases": [_phase_document(status, phase, times) for phase in status.phases],
        "report": status.report or None,
        "lastFailure": _as_json(status.last_failure),
    }


def _phase_document(status: RunStatus, phase: PhaseStatus, times: Mapping[str, PhaseTime]) -> JSONObject:
    spent = times.get(phase.name, PhaseTime(0.0, 0.0))
    return {
        "name": phase.name,
        "state": phase.state,
        "wallSeconds": round(spent.wall_seconds, 1),
        "cpuSeconds": round(spent.cpu_seconds, 1),
        "envSteps": phase.env_steps,
        "success": _as_json(phase.success),
        "members": [_member_document(status.storage_root, member) for member in phase.members],
    }


def _member_document(root: str, member: MemberStatus) -> JSONObject:
    document: JSONObject = {"name": member.name, "state": member.state, "attempt": member.attempt}
    if member.success is not None:
        document["success"] = member.success.to_json()
    if member.note:
        document["note"] = member.note
    return document | ({"uri": absolute_uri(root, member.uri)} if member.uri else {})


def _as_json(record: Record | None) -> JSONObject | None:
    return None if record is None else record.to_json()


def outcome_parts(
    snapshot: Snapshot, times: Mapping[str, PhaseTime], state_dir: Path
) -> list[RenderableType]:
    """What is printed at the end: success, times, notes, locations, and after a failure what to do next."""
    parts: list[RenderableType] = [Text("")]
    if snapshot.status.success != NetworkSuccess():
        parts += [_success_table(snapshot.status.success), Text("")]
    parts += [_time_table(snapshot.status, times), Text("")]
    parts += [Text(line) for line in _notes(snapshot.status)]
    parts += [Text(line) for line in _closing_lines(snapshot, state_dir)]
    return parts


def _success_table(success: NetworkSuccess) -> Table:
    table = _table("success", "any step", "at end")
    networks = {"experts": success.experts, "collective": success.collective, "students": success.students}
    for name, rates in networks.items():
        if rates is not None:
            table.add_row(name, percent(rates.any_step), percent(rates.at_end))
    return table


def _time_table(status: RunStatus, times: Mapping[str, PhaseTime]) -> Table:
    table = _table("phase", "state", "wall", "CPU", "env steps")
    for phase in status.phases:
        spent = times.get(phase.name)
        wall, cpu = (spent.wall_seconds, spent.cpu_seconds) if spent else (None, None)
        steps = count_text(phase.env_steps or None)
        table.add_row(phase.name, phase.state, duration_text(wall), duration_text(cpu), steps)
    wall, cpu = (sum(getattr(t, name) for t in times.values()) for name in ("wall_seconds", "cpu_seconds"))
    table.add_row(Text("all", style="bold"), status.state, duration_text(wall), duration_text(cpu), "")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in others:
        table.add_column(column, justify="left" if column == "state" else "right", no_wrap=True)
    return table


def _notes(status: RunStatus) -> list[str]:
    """What members say of their results; a line for those of one phase that say the same."""
    told: dict[tuple[str, str], list[str]] = {}
    for phase, member in status.members():
        if member.note:
            told.setdefault((phase, member.note), []).append(member.name)
    return [f"{_members_name(phase, names)}: {note}" for (phase, note), names in told.items()]


def _members_name(phase: str, names: Sequence[str]) -> str:
    """`refinement`; of several seeds `refinement, seeds 1, 3`."""
    seeds = [seed_of(name) for name in names]
    if not all(seeds):
        return ", ".join(member_name(phase, name) for name in names)
    return f"{phase}, {'seeds' if len(seeds) > 1 else 'seed'} {', '.join(seeds)}"


def _closing_lines(snapshot: Snapshot, state_dir: Path) -> list[str]:
    root, report = snapshot.status.storage_root, snapshot.status.report
    lines = [
        f"report     {shown_uri(report)}" if report else "",
        f"artifacts  {shown_uri(root)}" if root else "",
        f"state dir  {state_dir}",
    ]
    if snapshot.status.state == "Failed":
        lines += _failure_lines(snapshot)
    return [line for line in lines if line]


def _failure_lines(snapshot: Snapshot) -> list[str]:
    failure = snapshot.status.last_failure
    if failure is None:
        return []
    log = failure_log(failure, snapshot)
    return [
        "",
        f"failed     {failure_sentence(failure)}",
        f"log        {log}" if log else "",
        f"next       {what_next(failure)}",
    ]


def what_next(failure: LastFailure) -> str:
    """What a person does about a run that failed."""
    again = "set spec.retryToken to a new value in the run file and run it again: what succeeded is kept"
    if failure.kind == "deadline":
        return f"raise the deadline in spec.runPolicy, {again}"
    if failure.reason == STORAGE_REFUSED:
        return f"let the storage be used as the message says, then {again}; another storage is another run"
    if failure.exit_code == 3:
        return "change what the message names; if that field can't change any more, give the run a new name"
    if failure.exit_code == 4:
        return f"restore the artifact the message names, then {again}"
    if failure.reason == "OOMKilled":
        return f"raise spec.phases.{failure.phase}.resources.limits.memory, then {again}"
    if failure.kind == "infrastructure":
        return f"check that the storage can be reached and this machine is healthy, then {again}"
    return f"read the log, fix the cause, then {again}"


def shown_uri(uri: str) -> str:
    """A URI as a person uses it: a path where it is on this machine."""
    return uri.removeprefix(_FILE_SCHEME)
