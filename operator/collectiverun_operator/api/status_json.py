"""The status of a run as JSON: read once, written once, and what of it must be written at once.

Bounded: at most 128 members a phase, relative URIs and short messages keep the whole below 160 KiB.
etcd takes 1.5 MiB, so there is room for it beside the spec.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from collectiverun_operator.api.status import ConditionStatus, MemberStatus, PhaseStatus, RunStatus
from collectiverun_operator.errors import CollectiveRunError
from collectiverun_operator.json_types import JSONObject

LIMIT_BYTES = 160 * 1024

# Progress of the run and of its phases and members: it changes all the time and is written now and then.
_RUN_PROGRESS = ("success", "bestSuccess", "successRate", "etaSeconds", "eta")
_PROGRESS = ("envSteps", "success", "etaSeconds", "peakMemoryBytes", "usedCpuSeconds")


class UnreadableStatusError(CollectiveRunError):
    """A status that this version did not write and can't read."""


def read_status(document: JSONObject) -> RunStatus:
    """The status as it was written; of a run that has not begun its conditions only.

    Raises UnreadableStatusError with a sentence.
    """
    if not document.get("specHash"):
        return read_conditions(document)
    try:
        status = RunStatus.model_validate(document)
    except (ValidationError, TypeError, ValueError) as error:
        raise _unreadable(error) from error
    if status.start_time is None or status.resolved is None:
        raise _unreadable("startTime or resolved is missing")
    return status


def read_conditions(document: JSONObject) -> RunStatus:
    """Only the conditions, of a status that says nothing else. A malformed one is left out."""
    generation = document.get("observedGeneration")
    writes = document.get("writes")
    return RunStatus(
        observed_generation=generation if isinstance(generation, int) else 0,
        writes=writes if isinstance(writes, int) else 0,
        conditions=tuple(_readable(document.get("conditions") or [])),
    )


def status_document(status: RunStatus) -> JSONObject:
    """The status as JSON; fields of a member that have their defaults are left out."""
    document = status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"phases"})
    document["phases"] = [_phase_document(phase) for phase in status.phases]
    return document


def rejected_document(status: RunStatus, previous: JSONObject) -> JSONObject:
    """The status of a run that is not accepted: conditions, state and generation change, all else stays."""
    fields = {"observed_generation", "writes", "state", "conditions"}
    return previous | status.model_dump(mode="json", by_alias=True, include=fields)


def without_progress(document: JSONObject) -> JSONObject:
    """A status without its progress: what is left must be written at once when it changes."""
    left = {key: value for key, value in document.items() if key not in _RUN_PROGRESS}
    left["phases"] = [_phase_without_progress(phase) for phase in document.get("phases", [])]
    return left


def _unreadable(reason: object) -> UnreadableStatusError:
    return UnreadableStatusError(
        f"the run's status can't be read, so nothing is done with it: {reason}; restore or delete the run"
    )


def _readable(conditions: list[object]) -> Iterator[ConditionStatus]:
    for condition in conditions:
        try:
            yield ConditionStatus.model_validate(condition)
        except ValidationError:
            continue  # it is written again from scratch


def _phase_document(phase: PhaseStatus) -> JSONObject:
    document = phase.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"members"})
    document["members"] = [_member_document(member) for member in phase.members]
    return document


def _member_document(member: MemberStatus) -> JSONObject:
    fields = member.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"name": member.name, "state": member.state, "attempt": member.attempt} | fields


def _phase_without_progress(phase: JSONObject) -> JSONObject:
    left = {key: value for key, value in phase.items() if key not in _PROGRESS}
    left["members"] = [
        {key: value for key, value in member.items() if key not in _PROGRESS} for member in phase["members"]
    ]
    return left
