"""A run as plain lines, one for each change: for pipes, files and continuous integration."""

from __future__ import annotations

import sys
import time
from typing import IO, Any

from collectiverun_operator.cli.snapshot import (
    JSONObject,
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
_TOLD = ("Queued", "Suspending", "Suspended", "Complete", "Failed")


class PlainLines:
    """Writes a line when a phase or member changes its state, and how far members are twice a minute."""

    def __init__(
        self, stream: IO[str] | None = None, progress_every_seconds: float = PROGRESS_EVERY_SECONDS
    ) -> None:
        self._stream = stream or sys.stdout
        self._known: dict[Any, Any] = {}
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
        failure = snapshot.status.get("lastFailure")
        if failure and self._is_new("lastFailure", failure):
            log = failure_log(failure, snapshot)
            parts = (failure_sentence(failure), retry_text(failure, snapshot), f"log: {log}" if log else "")
            self.say("; ".join(part for part in parts if part))
        for phase in snapshot.phases:
            self._show_phase(snapshot, phase)
        if self._is_new("state", snapshot.state) and snapshot.state in _TOLD:
            self.say(f"run: {snapshot.state}")
        if time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + self._every
            self._show_progress(snapshot)

    def _show_phase(self, snapshot: Snapshot, phase: JSONObject) -> None:
        members = phase.get("members") or []
        for member in members if len(members) > 1 else ():
            line = _member_line(member)
            if self._is_new((phase["name"], member["name"]), line) and line:
                self.say(f"{phase['name']}/{member['name']}: {line}")
        state = phase.get("state")
        if self._is_new(phase["name"], state) and state not in _QUIET:
            success = phase.get("success") if state == "Succeeded" else None
            self.say(f"{phase['name']}: {state}" + (f", {success_words(success)}" if success else ""))

    def _show_progress(self, snapshot: Snapshot) -> None:
        for phase in snapshot.phases:
            for member in phase.get("members") or []:
                progress = snapshot.member_progress(phase, member)
                text = _progress_text(progress)
                if progress and self._is_new((phase["name"], member["name"], "progress"), text):
                    self.say(f"{member_name(phase['name'], member['name'])}: {text}")

    def _is_new(self, key: Any, value: Any) -> bool:
        known = self._known.get(key)
        self._known[key] = value
        return bool(known != value)


def _member_line(member: JSONObject) -> str:
    state = str(member.get("state") or "")
    if state in _QUIET:
        return ""
    attempt = member.get("attempt") or 1
    success = member.get("success") if state == "Succeeded" else None
    again = f" (attempt {attempt})" if attempt > 1 else ""
    return state + again + (f", {success_words(success)}" if success else "")


def _progress_text(progress: JSONObject) -> str:
    parts = [
        percent(float(progress.get("fraction") or 0.0)),
        str(progress.get("activity") or ""),
        f"{count_text(progress.get('envSteps'))} of {count_text(progress.get('totalEnvSteps'))}",
        f"{count_text(progress['envStepsPerSecond'])}/s" if progress.get("envStepsPerSecond") else "",
        success_words(progress["success"]) if progress.get("success") else "",
        f"{duration_text(progress['etaSeconds'])} left" if progress.get("etaSeconds") is not None else "",
    ]
    return ", ".join(part for part in parts if part)
