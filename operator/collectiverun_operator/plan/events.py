"""The Events between two statuses of a run: one sentence for each transition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from collectiverun_operator.api import conditions
from collectiverun_operator.api.outcome import REFUSALS, RETRY_BUDGETS
from collectiverun_operator.api.status import ConditionStatus, MemberStatus, PhaseStatus, RunStatus
from collectiverun_operator.plan.plan import Action, RelabelJob
from collectiverun_operator.plan.stalls import RETRYING, STALLED

EventType = Literal["Normal", "Warning"]

_STANDSTILLS = (*REFUSALS, STALLED, RETRYING)
_SUSPENDED = (conditions.SUSPENDING.reason, conditions.IS_SUSPENDED.reason)
_GOES_ON = conditions.IN_PROGRESS.reason


@dataclass(frozen=True)
class EventText:
    """One Event. `phase` and `member`: what it is about; empty for the whole run."""

    type: EventType
    reason: str
    message: str
    phase: str = ""
    member: str = ""


def action_events(actions: Iterable[Action]) -> Iterator[EventText]:
    """What of the actions people have to know: labels that somebody else changed or that the run changed."""
    for action in actions:
        if isinstance(action, RelabelJob):
            labels = ", ".join(f"{key}={value}" for key, value in sorted(action.labels.items()))
            text = f"Job {action.name}, which waits in a queue, got the run's {labels}"
            yield EventText("Normal", "JobRelabelled", text)


def transitions(before: RunStatus, after: RunStatus) -> list[EventText]:
    """Every transition between two statuses, in the order of the Events. Progress is not one."""
    return [
        *_acceptance(before, after),
        *_reopening(before, after),
        *_phases(before, after),
        *_queueing(before, after),
        *_standstill(before, after),
        *_suspension(before, after),
        *_ending(before, after),
    ]


def _acceptance(before: RunStatus, after: RunStatus) -> Iterator[EventText]:
    old, new = before.condition("Accepted"), after.condition("Accepted")
    if after.is_true("Accepted") and not before.is_true("Accepted"):
        yield EventText("Normal", "Accepted", "the spec is valid; the run starts or continues")
    if new is not None and new.status == "False" and _content(new) != _content(old):
        yield EventText("Warning", new.reason, new.message)


def _reopening(before: RunStatus, after: RunStatus) -> Iterator[EventText]:
    if before.is_true("Failed") and not after.is_true("Failed"):
        phase = after.current_phase
        text = f"retryToken changed: the run continues at phase {phase}, with its retries and clocks reset"
        yield EventText("Normal", "Reopened", text, phase)


def _phases(before: RunStatus, after: RunStatus) -> Iterator[EventText]:
    previous = {phase.name: phase for phase in before.phases}
    for phase in after.phases:
        yield from _phase(previous.get(phase.name, PhaseStatus(name=phase.name)), phase, after)


def _phase(before: PhaseStatus, after: PhaseStatus, status: RunStatus) -> Iterator[EventText]:
    name, count = after.name, _count(len(after.members))
    if after.start_time and not before.start_time:
        yield EventText("Normal", "PhaseStarted", f"phase {name} begins: {count}", name)
    previous = {member.name: member for member in before.members}
    for member in after.members:
        yield from _member(name, previous.get(member.name, MemberStatus(name=member.name)), member, status)
    if after.state == "Succeeded" and before.state != "Succeeded":
        yield EventText("Normal", "PhaseSucceeded", f"phase {name} is done: {count}", name)


def _member(phase: str, before: MemberStatus, after: MemberStatus, status: RunStatus) -> Iterator[EventText]:
    where = f"phase {phase}, member {after.name}, attempt {before.attempt}"
    why = _why(phase, after.name, status)
    if after.state == "Queued" and before.pod_uid and before.attempt == after.attempt:
        text = f"{where}: the queue took its place back{why}; it goes on from its checkpoint once admitted"
        yield EventText("Warning", "MemberEvicted", text, phase, after.name)
    if after.state == "Failed" and before.state != "Failed":
        yield EventText("Warning", "MemberFailed", f"{where}: failed for good{why}", phase, after.name)
        return
    for kind in RETRY_BUDGETS:
        spent = after.retries(kind)
        if spent > before.retries(kind):
            text = f"{where}: is retried, {kind} retry {spent}{why}{_lessons(before, after)}"
            yield EventText("Warning", "MemberRetried", text, phase, after.name)


def _lessons(before: MemberStatus, after: MemberStatus) -> str:
    """What is done otherwise in the next attempt."""
    node = f"; if possible on another node than {after.avoided_node}" if after.avoided_node else ""
    is_more = after.memory_factor > before.memory_factor
    return node + (f"; with {after.memory_factor:g} times the memory asked for" if is_more else "")


def _why(phase: str, member: str, status: RunStatus) -> str:
    """The last failure, if it is this member's; of several at once a status keeps one."""
    failure = status.last_failure
    if failure is None or (failure.phase, failure.member) != (phase, member):
        return ""
    return f": {', '.join(text for text in (failure.reason, failure.message) if text)}"


def _queueing(before: RunStatus, after: RunStatus) -> Iterator[EventText]:
    was_queued, is_queued = before.is_true("Queued"), after.is_true("Queued")
    new, old = after.condition("Queued"), before.condition("Queued")
    if is_queued and new is not None and (not was_queued or old is None or new.reason != old.reason):
        yield EventText("Normal", "Queued", new.message)
    if was_queued and not is_queued:
        yield EventText("Normal", "Admitted", "the queue no longer holds all of the run's Jobs")


def _standstill(before: RunStatus, after: RunStatus) -> Iterator[EventText]:
    """Nothing moves, though the run is not held: told once, and again when it is about another thing."""
    old, new = before.condition("Running"), after.condition("Running")
    if new is not None and new.reason in _STANDSTILLS and (old is None or old.reason != new.reason):
        yield EventText("Warning", new.reason, new.message)


def _suspension(before: RunStatus, after: RunStatus) -> Iterator[EventText]:
    old, new = _suspended(before), _suspended(after)
    if new is not None and (old is None or new.reason != old.reason):
        reason = "Suspended" if new.status == "True" else conditions.SUSPENDING.reason
        yield EventText("Normal", reason, new.message)
    failed = after.condition("Failed")
    if old is not None and new is None and failed is not None and failed.reason == _GOES_ON:
        yield EventText("Normal", "Resumed", "the run is no longer suspended")


def _suspended(status: RunStatus) -> ConditionStatus | None:
    """Condition Suspended of a run that is suspended or about to be."""
    condition = status.condition("Suspended")
    return condition if condition is not None and condition.reason in _SUSPENDED else None


def _ending(before: RunStatus, after: RunStatus) -> Iterator[EventText]:
    if after.is_true("Complete") and not before.is_true("Complete"):
        yield EventText("Normal", "Complete", f"all phases succeeded: {after.progress} members")
    failed = after.condition("Failed")
    if failed is not None and after.is_true("Failed") and not before.is_true("Failed"):
        yield EventText("Warning", "Failed", f"{failed.reason}: {failed.message}")


def _content(condition: ConditionStatus | None) -> tuple[str, str, str] | None:
    return None if condition is None else (condition.status, condition.reason, condition.message)


def _count(members: int) -> str:
    return f"{members} member{'' if members == 1 else 's'}"
