"""Condition types, their reasons, their transitions, and the one-word state derived from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collectiverun_operator.api.status import ConditionStatus, RunStatus
from collectiverun_operator.api.status_fields import ConditionType, RunState

ACCEPTED: Final = "Accepted"
QUEUED: Final = "Queued"
RUNNING: Final = "Running"
SUSPENDED: Final = "Suspended"
COMPLETE: Final = "Complete"
FAILED: Final = "Failed"
TYPES: tuple[ConditionType, ...] = (ACCEPTED, QUEUED, RUNNING, SUSPENDED, COMPLETE, FAILED)

# Reasons of condition Accepted when it is False.
INVALID_SPEC = "InvalidSpec"
INVALID_POD_TEMPLATE = "InvalidPodTemplate"
# Not the run's fault, and tried again: the API server could not check its Jobs.
NOT_CHECKED = "NotChecked"

MESSAGE_LIMIT = 2048


@dataclass(frozen=True)
class DesiredCondition:
    """What a condition should be now. The reason is one CamelCase word, for machines."""

    status: bool
    reason: str
    message: str = ""


SPEC_CHANGED = DesiredCondition(
    False,
    "SpecChanged",
    "a field was changed that can't change once the run has begun; change it back, or rename the run "
    "(suspend, retryToken, image, runPolicy, podTemplate, resources and parallelism may be changed)",
)
NOT_QUEUED = DesiredCondition(False, "NotQueued")
ALL_QUEUED = DesiredCondition(True, "WaitingForQuota", "every Job of the run is held by the queue")
NOT_SUSPENDED = DesiredCondition(False, "NotRequested")
SUSPENDING = DesiredCondition(False, "Suspending", "the running Jobs are stopped at a checkpoint")
IS_SUSPENDED = DesiredCondition(True, "Requested", "nothing runs; set spec.suspend to false to resume")
IN_PROGRESS = DesiredCondition(False, "InProgress")
ALL_SUCCEEDED = DesiredCondition(True, "AllPhasesSucceeded")


def validated(advice: Iterable[object]) -> DesiredCondition:
    """Condition Accepted of a spec that is carried out, with what is probably not meant in it."""
    return DesiredCondition(True, "Validated", "\n".join(map(str, advice)))


def not_accepted(reason: str, sentences: Sequence[str]) -> DesiredCondition:
    """Condition Accepted of a spec that can't be carried out: its faults, one a line."""
    return DesiredCondition(False, reason, "\n".join(sentences))


def update_conditions(
    status: RunStatus, desired: Mapping[ConditionType, DesiredCondition], generation: int, now: datetime
) -> RunStatus:
    """The status with all six conditions and the state they make.

    A transition time moves only when its condition's status does.
    """
    updated = (_update(status.condition(type_), type_, desired[type_], generation, now) for type_ in TYPES)
    status = status.replace(observed_generation=generation, conditions=tuple(updated))
    return status.replace(state=_state(status))


def _update(
    old: ConditionStatus | None, type_: str, desired: DesiredCondition, generation: int, now: datetime
) -> ConditionStatus:
    status: Any = "True" if desired.status else "False"
    unchanged = old is not None and old.status == status
    return ConditionStatus(
        type=type_,
        status=status,
        reason=desired.reason,
        message=desired.message[:MESSAGE_LIMIT],
        last_transition_time=old.last_transition_time if unchanged and old else now,
        observed_generation=generation,
    )


def _state(status: RunStatus) -> RunState:
    """One word for the conditions, for people; no code reads it."""
    suspended, accepted = status.condition("Suspended"), status.condition("Accepted")
    if status.is_finished:
        return "Complete" if status.is_true("Complete") else "Failed"
    if not status.is_true("Accepted") and (accepted is None or accepted.reason != NOT_CHECKED):
        return "Rejected"
    if status.is_true("Suspended"):
        return "Suspended"
    if suspended is not None and suspended.reason == SUSPENDING.reason:
        return "Suspending"
    if status.is_true("Running"):
        return "Running"
    return "Queued" if status.is_true("Queued") else "Pending"
