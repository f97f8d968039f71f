"""The live table of a run on a terminal: phases, their members, bars, rates, success, time left."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from collectiverun_operator.api.status import LastFailure, MemberStatus, PhaseStatus
from collectiverun_operator.cli.snapshot import (
    Snapshot,
    count_text,
    duration_text,
    failure_log,
    failure_sentence,
    member_name,
    retry_text,
    success_text,
)

_BAR_WIDTH = 8
_NUMBER_COLUMNS = {"env steps": 9, "per s": 5, "any/end": 8, "left": 5}
_STATE_WIDTH = 10
_MEMBER_ROWS = 16
_WAIT_ROWS = 3
_STYLES = {
    "Succeeded": "green",
    "Complete": "bold green",
    "Running": "cyan",
    "Failed": "bold red",
    "Suspending": "yellow",
    "Suspended": "yellow",
    "Pending": "dim",
    "Waiting": "dim",
    "Skipped": "dim",
    "Stopping": "yellow",
}


class LiveTable:
    """Draws snapshots over each other on a terminal. Use it as a context."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._failure: LastFailure | None = None

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """A sentence above the table, which stays."""
        self._live.console.print(Text(text))

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot; a failure that is new is shown above it, with its log."""
        failure = snapshot.status.last_failure
        if failure is not None and failure != self._failure:
            self._show_failure(failure, snapshot)
        self._failure = failure
        self._live.update(run_table(snapshot, self._title), refresh=True)

    def _show_failure(self, failure: LastFailure, snapshot: Snapshot) -> None:
        log, again = failure_log(failure, snapshot), retry_text(failure, snapshot)
        self._live.console.print(Text(failure_sentence(failure), style="red"))
        for line in (f"log: {log}" if log else "", again):
            if line:
                self._live.console.print(Text(f"  {line}", style="dim"), soft_wrap=True)


def run_table(snapshot: Snapshot, title: str) -> RenderableType:
    """The whole picture: a line about the run, and the table."""
    state = snapshot.status.state
    head = Text.assemble(
        (title, "bold"),
        "  ",
        (state, _style(state)),
        f"  {duration_text(snapshot.elapsed_seconds)}",
    )
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("phase", no_wrap=True, overflow="ellipsis")
    table.add_column("state", no_wrap=True, min_width=_STATE_WIDTH)
    table.add_column("", no_wrap=True, width=_BAR_WIDTH)
    for column, width in _NUMBER_COLUMNS.items():
        table.add_column(column, justify="right", no_wrap=True, min_width=width)
    for phase in snapshot.status.phases:
        _add_phase(table, snapshot, phase)
    waits = [f"{member_name(*key)} waits: {why}" for key, why in snapshot.retrying().items()]
    return Group(head, *(Text(line, style="yellow") for line in waits[:_WAIT_ROWS]), table)


def _add_phase(table: Table, snapshot: Snapshot, phase: PhaseStatus) -> None:
    running = [snapshot.member_progress(phase, member) for member in phase.members]
    speed = sum(progress.env_steps_per_second or 0 for progress in running if progress is not None)
    table.add_row(
        Text(phase.name, style="bold"),
        Text(phase.state, style=_style(phase.state)),
        _bar(phase.state, snapshot.phase_fraction(phase)),
        count_text(phase.env_steps or None),
        count_text(speed or None),
        success_text(phase.success),
        duration_text(phase.eta_seconds) if phase.state == "Running" else "",
    )
    if phase.state != "Succeeded" and len(phase.members) > 1:
        _add_members(table, snapshot, phase)


def _add_members(table: Table, snapshot: Snapshot, phase: PhaseStatus) -> None:
    """The members that matter most now: those that failed or run come first when not all fit."""
    order = {"Failed": 0, "Running": 1}
    shown = sorted(phase.members, key=lambda member: order.get(member.state, 2))[:_MEMBER_ROWS]
    for member in phase.members:
        if member in shown:
            _add_member(table, snapshot, phase, member)
    if len(shown) < len(phase.members):
        table.add_row(Text(f"  and {len(phase.members) - len(shown)} more", style="dim"))


def _add_member(table: Table, snapshot: Snapshot, phase: PhaseStatus, member: MemberStatus) -> None:
    progress = snapshot.member_progress(phase, member)
    again = f" #{member.attempt}" if member.attempt > 1 else ""
    table.add_row(
        f"  {member.name}",
        Text(member.state + again, style=_style(member.state)),
        _bar(member.state, snapshot.member_fraction(phase, member)),
        count_text(progress.env_steps if progress else None),
        count_text(progress.env_steps_per_second if progress else None),
        success_text(member.success or (progress.success if progress else None)),
        duration_text(progress.eta_seconds if progress else None),
    )


def _bar(state: str, fraction: float) -> RenderableType:
    if state in ("Skipped", "Waiting", "Pending"):
        return ""
    return ProgressBar(1.0, fraction, width=_BAR_WIDTH, complete_style="cyan", finished_style="green")


def _style(state: str) -> str:
    return _STYLES.get(state, "")
