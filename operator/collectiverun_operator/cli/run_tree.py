"""How runs are shown: a table of them, and one as a tree of phases, members and attempts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from collectiverun_operator.api.outcome import Success
from collectiverun_operator.api.status import MemberStatus, PhaseStatus
from collectiverun_operator.cli.records import INTERRUPTED, AttemptRecord, RunRecord
from collectiverun_operator.cli.report import shown_uri
from collectiverun_operator.cli.snapshot import duration_text, failure_sentence, last_line, success_text
from collectiverun_operator.cluster.local.journal import covered
from collectiverun_operator.formatting import format_time, hours
from collectiverun_operator.jobs.uris import absolute_uri
from collectiverun_operator.json_types import JSONObject


def runs_table(runs: Sequence[RunRecord]) -> Table:
    """One line for each run, the newest last."""
    table = _table("run", "state", "done", "any/end", "CPU h", "GPU h", "began", "root")
    for run in sorted(runs, key=lambda run: _began(run) or "~"):
        status = run.status
        success = success_text(status.success.collective or status.best_success)
        began = f"{status.start_time.astimezone():%Y-%m-%d %H:%M}" if status.start_time else ""
        spent, root = (hours(run.cpu_seconds()), hours(run.gpu_seconds())), shown_uri(status.storage_root)
        table.add_row(run.title, run.state, status.progress, success, *spent, began, root)
    return table


def stored_runs_table(runs: Sequence[JSONObject]) -> Table:
    """One line for each run that the trainer found in storage."""
    table = _table("run", "published", "any/end", "root")
    for run in runs:
        success = run["success"].get("collective")
        rates = success_text(Success(success["anyStep"], success["atEnd"])) if success else ""
        table.add_row(f"{run['namespace']}/{run['name']}", run["published"], rates, shown_uri(run["root"]))
    return table


def run_document(run: RunRecord) -> JSONObject:
    """What `list --json` prints of a run."""
    status = run.status
    return {
        "namespace": run.namespace,
        "name": run.name,
        "uid": run.uid,
        "state": run.state,
        "reason": run.reason or None,
        "root": status.storage_root or None,
        "report": status.report or None,
        "startTime": _began(run),
        "completionTime": format_time(status.completion_time) if status.completion_time else None,
        "progress": status.progress or None,
        "success": status.success.to_json(),
        "cpuHours": _hours(run.cpu_seconds()),
        "gpuHours": _hours(run.gpu_seconds()),
        "stateDirectory": str(run.state_directory) if run.state_directory else None,
    }


def status_document(run: RunRecord) -> JSONObject:
    """What `status --json` prints: the run, its phases, their members, their attempts."""
    return run_document(run) | {
        "lastFailure": run.status.last_failure.to_json() if run.status.last_failure else None,
        "phases": [
            {
                "name": phase.name,
                "state": _state(run, phase),
                "success": phase.success.to_json() if phase.success else None,
                "cpuHours": _hours(run.cpu_seconds(phase.name)),
                "gpuHours": _hours(run.gpu_seconds(phase.name)),
                "members": [_member_document(run, phase, member) for member in phase.members],
            }
            for phase in run.status.phases
        ],
    }


def _member_document(run: RunRecord, phase: PhaseStatus, member: MemberStatus) -> JSONObject:
    root = run.status.storage_root
    return {
        "name": member.name,
        "state": _state(run, member),
        "reason": _member_reason(run, phase.name, member) or None,
        "success": member.success.to_json() if member.success else None,
        "uri": absolute_uri(root, member.uri) if member.uri else None,
        "attempts": [attempt_document(one) for one in run.attempts_of(phase.name, member.name)],
    }


def attempt_document(attempt: AttemptRecord) -> JSONObject:
    """An attempt as JSON, times in Unix seconds."""
    return {
        "attempt": attempt.number,
        "state": attempt.state,
        "reason": attempt.reason or None,
        "message": attempt.message or None,
        "exitCode": attempt.exit_code,
        "startedTime": attempt.started,
        "endedTime": attempt.ended,
        "cpuSeconds": attempt.cpu_seconds,
        "pod": attempt.pod or None,
        "node": attempt.node or None,
    }


def status_lines(run: RunRecord) -> Iterable[Table | Text]:
    """A run as a tree; behind it where it lies, and what it fails from."""
    state = Text.assemble((run.title, "bold"), "  ", run.state)
    yield state
    if run.reason:
        yield Text(f"  {run.reason}")
    yield _tree(run)
    failure = run.status.last_failure
    if failure is not None and run.state != "Complete":
        yield Text(f"last failure  {failure_sentence(failure)}")
    if run.status.report:
        yield Text(f"report        {shown_uri(run.status.report)}")
    if run.status.storage_root:
        yield Text(f"artifacts     {shown_uri(run.status.storage_root)}")
    if run.state_directory:
        yield Text(f"state dir     {run.state_directory}")


def _tree(run: RunRecord) -> Table:
    table = _table("", "state", "took", "CPU", "GPU", "any/end", "why")
    for phase in run.status.phases:
        spent = _length(_phase_spans(run, phase)), *_cost(run, phase.name)
        table.add_row(phase.name, _state(run, phase), *spent, success_text(phase.success), "")
        for member in phase.members:
            _add_member(table, run, phase, member)
    if any(total := _cost(run)):
        spans = [span for phase in run.status.phases for span in _phase_spans(run, phase)]
        table.add_row("all", "", _length(spans), *total, "", "")
    return table


def _add_member(table: Table, run: RunRecord, phase: PhaseStatus, member: MemberStatus) -> None:
    """The member's line, and where there was more than one attempt, or it is under way, those of them."""
    attempts = run.attempts_of(phase.name, member.name)
    why, state = _member_reason(run, phase.name, member), _state(run, member)
    if member.name != "all":
        success = success_text(member.success)
        table.add_row(f"  {member.name}", state, *_spent(attempts), "", success, why)
    elif why:
        table.add_row("  all", state, "", "", "", "", why)
    if len(attempts) > 1 or any(attempt.state != "Succeeded" for attempt in attempts):
        for attempt in attempts:
            where = f"    attempt {attempt.number}"
            table.add_row(where, attempt.state, *_spent([attempt]), "", "", _attempt_reason(attempt))


def _state(run: RunRecord, part: PhaseStatus | MemberStatus) -> str:
    """The state of a phase or member; of one that was at work when its command was lost the run's."""
    is_at_work = part.state in ("Pending", "Running", "Stopping")
    return run.state if run.state == INTERRUPTED and is_at_work else part.state


def _member_reason(run: RunRecord, phase: str, member: MemberStatus) -> str:
    """Why a member stands as it does: its failure, when it is tried again, or what its result says."""
    failure = run.status.last_failure
    is_its = failure is not None and (failure.phase, failure.member) == (phase, member.name)
    if failure is not None and is_its and member.state in ("Failed", "Waiting"):
        again = member.next_attempt_time
        text = failure_sentence(failure)
        return f"{text}; tried again at {format_time(again)}" if again and member.state == "Waiting" else text
    return member.note


def _attempt_reason(attempt: AttemptRecord) -> str:
    code = f"exit code {attempt.exit_code}" if attempt.exit_code else ""
    reason = attempt.reason if attempt.reason not in ("Completed", "Error") else ""
    place = f"Pod {attempt.pod}" if attempt.pod else ""
    return ", ".join(part for part in (reason, code, last_line(attempt.message), place) if part)


def _cost(run: RunRecord, phase: str = "") -> tuple[str, str]:
    """CPU time and GPU time of a phase, or of all."""
    return duration_text(run.cpu_seconds(phase)), duration_text(run.gpu_seconds(phase))


def _spent(attempts: Sequence[AttemptRecord]) -> tuple[str, str]:
    """Time during which attempts ran, and their CPU time, both empty where they are not known."""
    cpu = [one.cpu_seconds for one in attempts if one.cpu_seconds is not None]
    return _length(_spans(attempts)), duration_text(sum(cpu)) if cpu else ""


def _phase_spans(run: RunRecord, phase: PhaseStatus) -> list[tuple[float, float]]:
    """When its attempts ran; where some are gone, as a cluster's finished Jobs, from its begin to its end."""
    attempts = [attempt for attempt in run.attempts if attempt.phase == phase.name]
    are_known = {member.name for member in phase.members} <= {attempt.member for attempt in attempts}
    if are_known or not (phase.start_time and phase.completion_time):
        return _spans(attempts)
    return [(phase.start_time.timestamp(), phase.completion_time.timestamp())]


def _spans(attempts: Sequence[AttemptRecord]) -> list[tuple[float, float]]:
    return [(one.started, one.ended) for one in attempts if one.started and one.ended]


def _length(spans: Sequence[tuple[float, float]]) -> str:
    """Time that spans cover, one after the other or side by side."""
    return duration_text(covered(spans)) if spans else ""


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 4)


def _began(run: RunRecord) -> str | None:
    return format_time(run.status.start_time) if run.status.start_time else None


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for column in columns:
        right = column in ("took", "CPU", "GPU", "CPU h", "GPU h", "any/end", "done")
        folds = "fold" if column in ("why", "root") else "ellipsis"
        table.add_column(
            column, justify="right" if right else "left", no_wrap=folds != "fold", overflow="fold"
        )
    return table
