"""Condition types, their reasons, their transitions, and the one-word state derived from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectiverun_operator.api.status import ConditionStatus
from collectiverun_operator.api.status_fields import RunState

ACCEPTED = "Accepted"
QUEUED = "Queued"
RUNNING = "Running"
SUSPENDED = "Suspended"
COMPLETE = "Complete"
FAILED = "Failed"
TYPES = (ACCEPTED, QUEUED, RUNNING, SUSPENDED, COMPLETE, FAILED)

# Reasons of a run that is not accepted.
INVALID_SPEC = "InvalidSpec"
INVALID_POD_TEMPLATE = "InvalidPodTemplate"

MESSAGE_LIMIT = 2048


@dataclass(frozen=True)
class DesiredCondition:
    """What a condition should say now. The reason is one CamelCase word, for machines."""

    status: bool
    reason: str
    message: str = ""


VALIDATED = DesiredCondition(True, "Validated")
SPEC_CHANGED = DesiredCondition(
    False,
    "SpecChanged",
    "a field was changed that can't be once the run has begun; change it back, or give the run another name "
    "(suspend, retryToken, image, runPolicy, podTemplate, resources and parallelism may be changed)",
)
NOT_QUEUED = DesiredCondition(False, "NotQueued")
ALL_QUEUED = DesiredCondition(True, "WaitingForQuota", "every Job of the run is held by the queue")
NOT_SUSPENDED = DesiredCondition(False, "NotRequested")
SUSPENDING = DesiredCondition(False, "Suspending", "the running Jobs are stopped at a checkpoint")
IS_SUSPENDED = DesiredCondition(True, "Requested", "nothing runs; set spec.suspend to false to go on")
IN_PROGRESS = DesiredCondition(False, "InProgress")
ALL_SUCCEEDED = DesiredCondition(True, "AllPhasesSucceeded")


def condition_of(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """That condition of a status as JSON; empty if it has none."""
    found = (entry for entry in status.get("conditions") or [] if entry.get("type") == type_)
    return next(found, {})


def holds(status: Mapping[str, Any], type_: str) -> bool:
    """Whether a condition of a status as JSON is True."""
    return bool(condition_of(status, type_).get("status") == "True")


def not_accepted(reason: str, sentences: Sequence[str]) -> DesiredCondition:
    """The spec can't be carried out: every fault, one a line."""
    return DesiredCondition(False, reason, "\n".join(sentences))


def update_conditions(
    previous: Sequence[ConditionStatus],
    wanted: Mapping[str, DesiredCondition],
    generation: int,
    now: datetime,
) -> tuple[ConditionStatus, ...]:
    """All six conditions. The transition time moves only when a status does."""
    known = {condition.type: condition for condition in previous}
    return tuple(_update(known.get(type_), type_, wanted[type_], generation, now) for type_ in TYPES)


def _update(
    old: ConditionStatus | None, type_: str, wanted: DesiredCondition, generation: int, now: datetime
) -> ConditionStatus:
    status: Any = "True" if wanted.status else "False"
    unchanged = old is not None and old.status == status
    return ConditionStatus(
        type=type_,
        status=status,
        reason=wanted.reason,
        message=wanted.message[:MESSAGE_LIMIT],
        last_transition_time=old.last_transition_time if unchanged and old else now,
        observed_generation=generation,
    )


def derive_state(conditions: Sequence[ConditionStatus]) -> RunState:
    """One word for people; no code reads it."""
    found = {condition.type: condition for condition in conditions}
    is_true = {type_: type_ in found and found[type_].status == "True" for type_ in TYPES}
    if is_true[COMPLETE] or is_true[FAILED]:
        return "Complete" if is_true[COMPLETE] else "Failed"
    if not is_true[ACCEPTED]:
        return "Rejected"
    if is_true[SUSPENDED]:
        return "Suspended"
    if found[SUSPENDED].reason == SUSPENDING.reason:
        return "Suspending"
    if is_true[RUNNING]:
        return "Running"
    return "Queued" if is_true[QUEUED] else "Pending"
