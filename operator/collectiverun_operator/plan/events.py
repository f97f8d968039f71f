"""What happened between two statuses of a run, one sentence for each transition: the Events people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from collectiverun_operator.api import conditions
from collectiverun_operator.api.conditions import condition_of, holds

Status = Mapping[str, Any]
EventType = Literal["Normal", "Warning"]

_SUSPENDED = (conditions.SUSPENDING.reason, conditions.IS_SUSPENDED.reason)
_GOES_ON = conditions.IN_PROGRESS.reason


@dataclass(frozen=True)
class EventText:
    """One Event. `phase` and `member` say what it is about, empty for the whole run."""

    type: EventType
    reason: str
    message: str
    phase: str = ""
    member: str = ""


def transitions(before: Status, after: Status) -> list[EventText]:
    """Everything that changed for good, in the order it is to be told. Figures are no transitions."""
    return [
        *_acceptance(before, after),
        *_reopening(before, after),
        *_phases(before, after),
        *_queueing(before, after),
        *_suspension(before, after),
        *_ending(before, after),
    ]


def _acceptance(before: Status, after: Status) -> Iterator[EventText]:
    old, new = condition_of(before, conditions.ACCEPTED), condition_of(after, conditions.ACCEPTED)
    if new.get("status") == "True" and old.get("status") != "True":
        yield EventText("Normal", "Accepted", "the spec is valid; the run begins or goes on")
    if new.get("status") == "False" and _said(new) != _said(old):
        yield EventText("Warning", new["reason"], new["message"])


def _reopening(before: Status, after: Status) -> Iterator[EventText]:
    if holds(before, conditions.FAILED) and not holds(after, conditions.FAILED):
        phase = after.get("currentPhase", "")
        text = f"retryToken changed: the run goes on at phase {phase}, with its retries and clocks at zero"
        yield EventText("Normal", "Reopened", text, phase)


def _phases(before: Status, after: Status) -> Iterator[EventText]:
    known = {phase["name"]: phase for phase in before.get("phases") or []}
    for phase in after.get("phases") or []:
        yield from _phase(known.get(phase["name"], {}), phase, after)


def _phase(before: Status, after: Status, status: Status) -> Iterator[EventText]:
    name, members = after["name"], after.get("members") or []
    if after.get("startTime") and not before.get("startTime"):
        yield EventText("Normal", "PhaseStarted", f"phase {name} begins: {_count(members)}", name)
    known = {member["name"]: member for member in before.get("members") or []}
    for member in members:
        yield from _member(name, known.get(member["name"], {}), member, status)
    if after.get("state") == "Succeeded" and before.get("state") != "Succeeded":
        yield EventText("Normal", "PhaseSucceeded", f"phase {name} is done: {_count(members)}", name)


def _member(phase: str, before: Status, after: Status, status: Status) -> Iterator[EventText]:
    name = after["name"]
    where = f"phase {phase}, member {name}, attempt {before.get('attempt', 0)}"
    if after["state"] == "Failed" and before.get("state") != "Failed":
        text = f"{where}: failed for good{_why(phase, name, status)}"
        yield EventText("Warning", "MemberFailed", text, phase, name)
        return
    for kind in ("infrastructure", "application"):
        spent = after.get(f"{kind}Retries", 0)
        if spent > before.get(f"{kind}Retries", 0):
            text = f"{where}: is tried again, {kind} retry {spent}{_why(phase, name, status)}"
            yield EventText("Warning", "MemberRetried", text, phase, name)


def _why(phase: str, member: str, status: Status) -> str:
    """The last failure, if it is this member's; of several at once a status keeps one."""
    failure = status.get("lastFailure") or {}
    if (failure.get("phase"), failure.get("member")) != (phase, member):
        return ""
    said = [str(failure[key]) for key in ("reason", "message") if failure.get(key)]
    return f": {': '.join(said)}"


def _queueing(before: Status, after: Status) -> Iterator[EventText]:
    was, is_queued = holds(before, conditions.QUEUED), holds(after, conditions.QUEUED)
    if is_queued and not was:
        yield EventText("Normal", "Queued", "every Job of the run is held by the queue")
    if was and not is_queued:
        yield EventText("Normal", "Admitted", "the queue holds the run's Jobs no longer")


def _suspension(before: Status, after: Status) -> Iterator[EventText]:
    old, new = condition_of(before, conditions.SUSPENDED), condition_of(after, conditions.SUSPENDED)
    was, is_now = (entry.get("reason") in _SUSPENDED for entry in (old, new))
    if is_now and new["reason"] != old.get("reason"):
        reason = "Suspended" if new["status"] == "True" else conditions.SUSPENDING.reason
        yield EventText("Normal", reason, new["message"])
    if was and not is_now and condition_of(after, conditions.FAILED).get("reason") == _GOES_ON:
        yield EventText("Normal", "Resumed", "the run is suspended no longer")


def _ending(before: Status, after: Status) -> Iterator[EventText]:
    if holds(after, conditions.COMPLETE) and not holds(before, conditions.COMPLETE):
        yield EventText("Normal", "Complete", f"all phases succeeded: {after.get('progress', '')} members")
    if holds(after, conditions.FAILED) and not holds(before, conditions.FAILED):
        failed = condition_of(after, conditions.FAILED)
        yield EventText("Warning", "Failed", f"{failed['reason']}: {failed['message']}")


def _said(condition: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(condition.get(key) for key in ("status", "reason", "message"))


def _count(members: list[Any]) -> str:
    return f"{len(members)} member{'' if len(members) == 1 else 's'}"
