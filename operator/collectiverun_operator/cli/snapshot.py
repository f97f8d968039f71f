"""What a person sees of a run at one moment, and how figures are written. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectiverun_operator.formatting import percent

JSONObject = Mapping[str, Any]
MemberKey = tuple[str, str]


@dataclass(frozen=True)
class Snapshot:
    """A run's status, with the newest progress line of each running member by (phase, member).

    `log_path` tells where the log of an attempt lies, from phase, member and attempt.
    """

    status: JSONObject
    log_path: Callable[[str, str, int], Path]
    progress: Mapping[MemberKey, JSONObject] = field(default_factory=dict)
    elapsed_seconds: float = 0.0

    @property
    def state(self) -> str:
        """The run's state, for people."""
        return str(self.status.get("state") or "Pending")

    @property
    def phases(self) -> list[JSONObject]:
        """Every phase's status, in order."""
        return list(self.status.get("phases") or [])

    def member_progress(self, phase: JSONObject, member: JSONObject) -> JSONObject:
        """The member's newest progress line; empty if it does not run."""
        running = member.get("state") == "Running"
        return self.progress.get((phase["name"], member["name"]), {}) if running else {}

    def member_fraction(self, phase: JSONObject, member: JSONObject) -> float:
        """How much of the member is done, 0 to 1."""
        if member.get("state") == "Succeeded":
            return 1.0
        return float(self.member_progress(phase, member).get("fraction") or 0.0)

    def phase_fraction(self, phase: JSONObject) -> float:
        """How much of the phase is done, 0 to 1: the mean over its members."""
        members = phase.get("members") or []
        if not members:
            return 1.0 if phase.get("state") == "Succeeded" else 0.0
        return sum(self.member_fraction(phase, member) for member in members) / len(members)


def success_text(success: JSONObject | None) -> str:
    """Both success rates, any env step and at the end: `98/93 %`; empty where there are none."""
    if not success:
        return ""
    return f"{percent(success['anyStep']).removesuffix(' %')}/{percent(success['atEnd'])}"


def success_words(success: JSONObject) -> str:
    """Both success rates in words."""
    return f"success {percent(success['anyStep'])} any step, {percent(success['atEnd'])} at end"


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


def failure_sentence(failure: JSONObject) -> str:
    """What failed, why, in one sentence."""
    member, attempt = failure.get("member"), failure.get("attempt")
    who = member_name(failure["phase"], member) + f", attempt {attempt}" if member else str(failure["phase"])
    code = failure.get("exitCode")
    how = failure.get("reason") or "failed"
    text = f"{who}: {how}" + (f" (exit code {code})" if code is not None else "")
    message = last_line(str(failure.get("message") or ""))
    return f"{text}: {message}" if message else text


def failure_log(failure: JSONObject, snapshot: Snapshot) -> Path | None:
    """Log of the attempt that failed; None where no attempt did (a deadline)."""
    if not failure.get("member") or not failure.get("attempt"):
        return None
    return snapshot.log_path(failure["phase"], failure["member"], failure["attempt"])


def retry_text(failure: JSONObject, snapshot: Snapshot) -> str:
    """When the member that failed is tried again; empty if it is not."""
    for phase in snapshot.phases:
        for member in phase.get("members") or []:
            if (phase["name"], member["name"]) == (failure["phase"], failure.get("member")):
                when = member.get("nextAttemptTime")
                return f"tried again at {when}" if when and member["state"] == "Waiting" else ""
    return ""


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
