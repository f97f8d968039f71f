"""The status of a run, typed: what is remembered between two plans. It outranks what the cluster shows.

Bounded: at most 64 members a phase, relative URIs and short messages keep the whole below 64 KiB of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel

from collectiverun_operator.errors import CollectiveRunError
from collectiverun_operator.outcomes import FailureKind, Success
from collectiverun_operator.times import format_time, parse_time

LIMIT_BYTES = 64 * 1024
NOTE_LIMIT = 200

# Waiting: no attempt is under way. Pending to Stopping: attempt `attempt` is. Succeeded, Failed: for good.
MemberState = Literal["Waiting", "Queued", "Pending", "Running", "Stopping", "Succeeded", "Failed"]
PhaseState = Literal[
    "Skipped", "Waiting", "Queued", "Pending", "Running", "Stopping", "Suspended", "Succeeded", "Failed"
]
RunState = Literal[
    "Rejected", "Queued", "Pending", "Running", "Suspending", "Suspended", "Complete", "Failed"
]
Moment = Annotated[
    datetime,
    BeforeValidator(lambda value: parse_time(value) if isinstance(value, str) else value),
    PlainSerializer(format_time),
]


class UnreadableStatusError(CollectiveRunError):
    """A status that this version did not write and can't read."""


class _Record(BaseModel):
    """Base of the records below: camelCase outside, frozen; what a newer version added is left alone."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore", frozen=True
    )

    def but(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return self.model_copy(update=changes)


class Rates(_Record):
    """Success rates over episodes: at any env step, and at the last one."""

    any_step: float
    at_end: float

    @classmethod
    def of(cls, success: Success | None) -> Self | None:
        """Rounded to four digits, which is more than 500 episodes can tell."""
        if success is None:
            return None
        return cls(any_step=round(success.any_step, 4), at_end=round(success.at_end, 4))


class MemberStatus(_Record):
    """One member. `uri` is relative to `resolved.storageRoot`; `attempt` is the last begun, 0 for none."""

    name: str
    state: MemberState = "Waiting"
    attempt: int = 0
    job_uid: str = ""
    pod_uid: str = ""
    application_retries: int = 0
    infrastructure_retries: int = 0
    next_attempt_time: Moment | None = None
    uri: str = ""
    manifest_sha256: str = ""
    env_steps: int = 0
    success: Rates | None = None
    # What the evaluation found out about the others; on its member only.
    experts: Rates | None = None
    students: Rates | None = None
    note: str = ""

    @property
    def is_live(self) -> bool:
        """Whether attempt `attempt` is under way."""
        return self.state in ("Queued", "Pending", "Running", "Stopping")


class PhaseStatus(_Record):
    """One phase and its members."""

    name: str
    state: PhaseState = "Waiting"
    env_steps: int = 0
    success: Rates | None = None
    eta_seconds: int | None = None
    start_time: Moment | None = None
    completion_time: Moment | None = None
    members: tuple[MemberStatus, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do in it."""
        return self.state == "Skipped" or all(member.state == "Succeeded" for member in self.members)


class ConditionStatus(_Record):
    """One condition, as metav1.Condition."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: Moment
    observed_generation: int = 0


class Resolved(_Record):
    """What was settled when the run began."""

    image: str = ""
    storage_root: str


class LastFailure(_Record):
    """The newest failure of an attempt, or what made the run fail."""

    phase: str
    member: str = ""
    attempt: int = 0
    kind: FailureKind
    reason: str
    exit_code: int | None = None
    node: str = ""
    pod: str = ""
    message: str = ""
    time: Moment


class NetworkSuccess(_Record):
    """Success of each kind of network, as far as it is known."""

    experts: Rates | None = None
    collective: Rates | None = None
    students: Rates | None = None


class RunStatus(_Record):
    """Everything remembered of a run."""

    observed_generation: int = 0
    state: RunState = "Pending"
    current_phase: str = ""
    progress: str = ""
    start_time: Moment
    completion_time: Moment | None = None
    active_seconds: int = 0
    active_since: Moment | None = None
    success: NetworkSuccess = NetworkSuccess()
    best_success: Rates | None = None
    eta_seconds: int | None = None
    retries: int = 0
    conditions: tuple[ConditionStatus, ...] = ()
    phases: tuple[PhaseStatus, ...] = ()
    spec_hash: str
    retry_token: str = ""
    resolved: Resolved
    last_failure: LastFailure | None = None

    def is_true(self, condition: str) -> bool:
        """Whether a condition holds."""
        return any(found.type == condition and found.status == "True" for found in self.conditions)

    def phase(self, name: str) -> PhaseStatus:
        """The phase of that name."""
        return next(phase for phase in self.phases if phase.name == name)

    def members(self) -> Iterator[tuple[str, MemberStatus]]:
        """Every member with its phase's name."""
        for phase in self.phases:
            yield from ((phase.name, member) for member in phase.members)


def read_status(document: Mapping[str, Any]) -> RunStatus | None:
    """The status as it was written; None if none was yet. Raises UnreadableStatusError with a sentence."""
    if not document.get("specHash"):
        return None
    try:
        return RunStatus.model_validate_json(json.dumps(document))
    except (ValidationError, TypeError, ValueError) as error:
        text = (
            f"the run's status can't be read, so nothing is done with it: {error}; restore or delete the run"
        )
        raise UnreadableStatusError(text) from error


def write_document(status: RunStatus) -> dict[str, Any]:
    """The status as JSON; fields of a member that say nothing are left out."""
    document = status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"phases"})
    document["phases"] = [_phase_document(phase) for phase in status.phases]
    return document


def without_progress(document: Mapping[str, Any]) -> dict[str, Any]:
    """A status without its progress figures: what is left must be written at once when it changes."""
    left = {
        key: value for key, value in document.items() if key not in ("success", "bestSuccess", "etaSeconds")
    }
    left["phases"] = [_without_figures(phase) for phase in document.get("phases", [])]
    return left


def _phase_document(phase: PhaseStatus) -> dict[str, Any]:
    document = phase.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"members"})
    document["members"] = [_member_document(member) for member in phase.members]
    return document


def _member_document(member: MemberStatus) -> dict[str, Any]:
    said = member.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"name": member.name, "state": member.state, "attempt": member.attempt} | said


def _without_figures(phase: Mapping[str, Any]) -> dict[str, Any]:
    figures = ("envSteps", "success", "etaSeconds")
    left = {key: value for key, value in phase.items() if key not in figures}
    left["members"] = [
        {key: value for key, value in member.items() if key not in figures} for member in phase["members"]
    ]
    return left
