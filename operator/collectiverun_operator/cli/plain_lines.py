"""A run as plain lines, one for each change: for pipes, files and continuous integration."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import IO, Any

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.api.status import LastFailure, MemberStatus, PhaseStatus
from collectiverun_operator.cli.snapshot import (
    MemberKey,
    Snapshot,
    count_text,
    duration_text,
    failure_log,
    failure_sentence,
    member_name,
    retry_text,
    success_words,
)
from collectiverun_operator.formatting import percent

PROGRESS_EVERY_SECONDS = 30.0
_QUIET = ("Waiting", "Pending")
_SHOWN_STATES = ("Queued", "Suspending", "Suspended", "Complete", "Failed")


class PlainLines:
    """Writes a line when a phase or member changes its state, and the members' progress twice a minute."""

    def __init__(
        self, stream: IO[str] | None = None, progress_every_seconds: float = PROGRESS_EVERY_SECONDS
    ) -> None:
        self._stream = stream or sys.stdout
        self._shown: dict[Any, Any] = {}
        self._retrying: set[MemberKey] = set()
        self._every = progress_every_seconds
        self._next_progress = 0.0

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def say(self, text: str) -> None:
        """One line, with the time of day."""
        print(f"{time.strftime('%H:%M:%S')} {text}", file=self._stream, flush=True)

    def show(self, snapshot: Snapshot) -> None:
        """Write what changed since the last snapshot."""
        status = snapshot.status
        if status.last_failure is not None and self._is_new("lastFailure", status.last_failure):
            self._show_failure(status.last_failure, snapshot)
        for phase in status.phases:
            self._show_phase(phase)
        self._show_retrying(snapshot.retrying())
        if self._is_new("state", status.state) and status.state in _SHOWN_STATES:
            self.say(f"run: {status.state}")
        if time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + self._every
            self._show_progress(snapshot)

    def _show_failure(self, failure: LastFailure, snapshot: Snapshot) -> None:
        log = failure_log(failure, snapshot)
        parts = (failure_sentence(failure), retry_text(failure, snapshot), f"log: {log}" if log else "")
        self.say("; ".join(part for part in parts if part))

    def _show_phase(self, phase: PhaseStatus) -> None:
        for member in phase.members if len(phase.members) > 1 else ():
            line = _member_line(member)
            if self._is_new((phase.name, member.name), line) and line:
                self.say(f"{phase.name}/{member.name}: {line}")
        if self._is_new(phase.name, phase.state) and phase.state not in _QUIET:
            self.say(f"{phase.name}: {phase.state}{_reached(phase)}")

    def _show_retrying(self, retrying: Mapping[MemberKey, str]) -> None:
        """What members begin to wait for; that they still do so, their progress says."""
        for key in retrying.keys() - self._retrying:
            self.say(f"{member_name(*key)}: waits: {retrying[key]}")
        self._retrying = set(retrying)

    def _show_progress(self, snapshot: Snapshot) -> None:
        for phase in snapshot.status.phases:
            for member in phase.members:
                progress = snapshot.member_progress(phase, member)
                text = "" if progress is None or progress.is_silent else progress_text(progress)
                if text and self._is_new((phase.name, member.name, "progress"), text):
                    self.say(f"{member_name(phase.name, member.name)}: {text}")

    def _is_new(self, key: Any, value: Any) -> bool:
        last = self._shown.get(key)
        self._shown[key] = value
        return bool(last != value)


def _member_line(member: MemberStatus) -> str:
    if member.state in _QUIET:
        return ""
    again = f" (attempt {member.attempt})" if member.attempt > 1 else ""
    return f"{member.state}{again}{_reached(member)}"


def _reached(part: PhaseStatus | MemberStatus) -> str:
    """What success something that succeeded came to."""
    if part.state != "Succeeded" or part.success is None:
        return ""
    return f", {success_words(part.success)}"


def progress_text(progress: Progress) -> str:
    """How far a member is: share, activity, env steps, speed, success, time left."""
    speed, left = progress.env_steps_per_second, progress.eta_seconds
    parts = [
        percent(progress.fraction or 0.0),
        progress.activity,
        f"{count_text(progress.env_steps)} of {count_text(progress.total_env_steps)}",
        f"{count_text(speed)}/s" if speed else "",
        success_words(progress.success) if progress.success is not None else "",
        f"{duration_text(left)} left" if left is not None else "",
        f"waits: {progress.retrying}" if progress.retrying else "",
    ]
    return ", ".join(part for part in parts if part)
