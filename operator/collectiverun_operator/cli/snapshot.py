"""What a person sees of a run at one moment, and how its numbers are written. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collectiverun_operator.api.outcome import Progress, Success
from collectiverun_operator.api.status import LastFailure, MemberStatus, PhaseStatus, Rates, RunStatus
from collectiverun_operator.formatting import format_time, percent

MemberKey = tuple[str, str]


@dataclass(frozen=True)
class Snapshot:
    """A run's status, with the newest progress of each running member by (phase, member).

    `log_path` tells where the log of an attempt lies, from phase, member and attempt.
    """

    status: RunStatus
    log_path: Callable[[str, str, int], Path]
    progress: Mapping[MemberKey, Progress] = field(default_factory=dict)
    elapsed_seconds: float = 0.0

    def member_progress(self, phase: PhaseStatus, member: MemberStatus) -> Progress | None:
        """The member's newest progress; None if it does not run."""
        return self.progress.get((phase.name, member.name)) if member.state == "Running" else None

    def retrying(self) -> Mapping[MemberKey, str]:
        """What running members wait for and try again, such as storage."""
        found = {
            (phase.name, member.name): self.member_progress(phase, member)
            for phase in self.status.phases
            for member in phase.members
        }
        return {key: progress.retrying for key, progress in found.items() if progress and progress.retrying}

    def member_fraction(self, phase: PhaseStatus, member: MemberStatus) -> float:
        """How much of the member is done, 0 to 1."""
        if member.state == "Succeeded":
            return 1.0
        progress = self.member_progress(phase, member)
        return progress.fraction or 0.0 if progress is not None else 0.0

    def phase_fraction(self, phase: PhaseStatus) -> float:
        """How much of the phase is done, 0 to 1: the mean over its members."""
        if not phase.members:
            return 1.0 if phase.state == "Succeeded" else 0.0
        return sum(self.member_fraction(phase, member) for member in phase.members) / len(phase.members)


def success_text(success: Rates | Success | None) -> str:
    """Both success rates, any env step and at the end: `98/93 %`; empty where there are none."""
    if success is None:
        return ""
    return f"{percent(success.any_step).removesuffix(' %')}/{percent(success.at_end)}"


def success_words(success: Rates | Success) -> str:
    """Both success rates in words."""
    return f"success {percent(success.any_step)} any step, {percent(success.at_end)} at end"


def member_name(phase: str, member: str) -> str:
    """`experts/reach-v3-sawyer`; the phase alone where its only member is called `all`."""
    return phase if member == "all" else f"{phase}/{member}"


def duration_text(seconds: float | None) -> str:
    """90 → `1:30`; empty where there is none."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count_text(count: float | None) -> str:
    """12000 → `12,000`; empty where there is none."""
    return "" if count is None else f"{count:,.0f}"


def failure_sentence(failure: LastFailure) -> str:
    """What failed, why, in one sentence."""
    who = failure.phase
    if failure.member:
        who = f"{member_name(failure.phase, failure.member)}, attempt {failure.attempt}"
    code = f" (exit code {failure.exit_code})" if failure.exit_code is not None else ""
    text = f"{who}: {failure.reason or 'failed'}{code}"
    message = last_line(failure.message)
    return f"{text}: {message}" if message else text


def failure_log(failure: LastFailure, snapshot: Snapshot) -> Path | None:
    """Log of the attempt that failed; None where no attempt did (a deadline)."""
    if not failure.member or not failure.attempt:
        return None
    return snapshot.log_path(failure.phase, failure.member, failure.attempt)


def retry_text(failure: LastFailure, snapshot: Snapshot) -> str:
    """When the member that failed is tried again; empty if it is not."""
    for phase, member in snapshot.status.members():
        if (phase, member.name) == (failure.phase, failure.member):
            moment = member.next_attempt_time if member.state == "Waiting" else None
            return "" if moment is None else f"tried again at {format_time(moment)}"
    return ""


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
