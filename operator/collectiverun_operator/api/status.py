"""The typed status of a run: what is recorded between two plans. It outranks what the cluster shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field

from collectiverun_operator.api.outcome import FailureKind, RetryBudget, Success
from collectiverun_operator.api.spec import MEMORY_FACTOR_LIMIT
from collectiverun_operator.api.status_fields import (
    ConditionType,
    Count,
    MemberState,
    Message,
    Moment,
    Name,
    Note,
    ObjectName,
    PhaseState,
    Rate,
    Reason,
    Record,
    RunState,
    Short,
    Uid,
    Uri,
)
from collectiverun_trainer.config import TASK_LIMIT


class Rates(Record):
    """Success rates over episodes, each from 0 to 1."""

    any_step: Rate = Field(description="Share of episodes that succeed at any env step.")
    at_end: Rate = Field(description="Share of episodes that succeed at their last env step.")

    @classmethod
    def of(cls, success: Success | None) -> Self | None:
        """Rounded to four digits, which is finer than 500 episodes resolve."""
        if success is None:
            return None
        return cls(any_step=round(success.any_step, 4), at_end=round(success.at_end, 4))


class MemberStatus(Record):
    """One member of a phase: the work of one Job at a time."""

    name: Name = Field(description="Name: <env>-<robot>, group-<i> for packed tasks, or all.")
    state: MemberState = Field(
        "Waiting",
        description="Waiting: no attempt is under way. Queued: its Job is held by a queue. Pending: no"
        " container has started. Stopping: it is stopped at a checkpoint. Succeeded and Failed are for good.",
    )
    attempt: Count = Field(0, description="Number of the last attempt begun; 0 for none.")
    job_uid: Uid = Field("", description="UID of that attempt's Job.")
    pod_uid: Uid = Field("", description="UID of that attempt's Pod.")
    application_retries: Count = Field(0, description="Retries spent on failures of the program.")
    infrastructure_retries: Count = Field(0, description="Retries spent on preemption, node loss and so on.")
    next_attempt_time: Moment | None = Field(None, description="The next attempt begins no earlier.")
    running_since: Moment | None = Field(
        None, description="Since when that attempt's container runs, if it does."
    )
    avoided_node: ObjectName = Field(
        "", description="Node of the last attempt that failed; the next one prefers another."
    )
    memory_factor: Annotated[float, Field(ge=1, le=MEMORY_FACTOR_LIMIT)] = Field(
        1.0,
        description="What the memory of attempts to come is multiplied with: it ran out of memory before.",
    )
    uri: Uri = Field("", description="Its artifact, relative to resolved.storageRoot.")
    manifest_sha256: Short = Field("", description="SHA-256 of the artifact's manifest: what was committed.")
    env_steps: Count = Field(0, description="Env steps taken so far.")
    peak_memory_bytes: Count = Field(0, description="Most memory that attempt has reported, in bytes.")
    used_cpu_seconds: Count = Field(0, description="CPU seconds that attempt has reported.")
    success: Rates | None = Field(None, description="Success of the network it trains.")
    experts: Rates | None = Field(None, description="Success of the experts; set by the evaluation only.")
    students: Rates | None = Field(None, description="Success of the students; set by the evaluation only.")
    note: Note = Field("", description="A sentence about its result, such as why nothing was gained.")

    @property
    def is_live(self) -> bool:
        """Whether attempt `attempt` is under way."""
        return self.state in ("Queued", "Pending", "Running", "Stopping")

    def retries(self, budget: RetryBudget) -> int:
        """Retries charged to a budget."""
        return self.application_retries if budget == "application" else self.infrastructure_retries


class PhaseStatus(Record):
    """One phase and its members."""

    name: Short = Field(description="Name of the phase.")
    state: PhaseState = Field(
        "Waiting", description="What the phase does now. Skipped: it is not enabled, or has no members."
    )
    env_steps: Count = Field(0, description="Env steps its members have taken so far.")
    success: Rates | None = Field(None, description="Mean over the tasks whose success is known.")
    eta_seconds: Count | None = Field(None, description="Estimated time left, in seconds.")
    start_time: Moment | None = Field(None, description="When its first attempt began.")
    completion_time: Moment | None = Field(None, description="When it succeeded or failed.")
    cpu_seconds: Count = Field(0, description="CPU cores requested times seconds, of ended attempts.")
    gpu_seconds: Count = Field(0, description="GPUs requested times seconds, of attempts that have ended.")
    used_cpu_seconds: Count = Field(0, description="CPU seconds that all attempts have reported.")
    failed_cpu_seconds: Count = Field(0, description="CPU cores times seconds that failed attempts took.")
    failed_gpu_seconds: Count = Field(0, description="GPUs times seconds that failed attempts took.")
    members: Annotated[tuple[MemberStatus, ...], Field(json_schema_extra={"maxItems": TASK_LIMIT})] = Field(
        (), description="Its members, each the work of one Job."
    )

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do in it."""
        return self.state == "Skipped" or all(member.state == "Succeeded" for member in self.members)


class ConditionStatus(Record):
    """One condition, as metav1.Condition."""

    type: Short = Field(description="Accepted, Queued, Running, Suspended, Complete or Failed.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds now.")
    reason: Reason = Field(description="Why, in one CamelCase word.")
    message: Message = Field("", description="Why, in sentences.")
    last_transition_time: Moment = Field(description="When its status changed last.")
    observed_generation: Count = Field(0, description="The metadata.generation it is about.")


class Resolved(Record):
    """What was settled when the run began."""

    image: Uri = Field("", description="Image of attempts created from now on.")
    storage_root: Uri = Field(description="Folder of the run; everything it publishes lies below it.")


class LastFailure(Record):
    """The newest failure of an attempt, or what made the run fail."""

    phase: Short = Field(description="Phase in which it happened.")
    member: Name = Field("", description="Member whose attempt failed; empty for a deadline of the run.")
    attempt: Count = Field(0, description="Number of the attempt that failed.")
    kind: FailureKind = Field(
        description="application and infrastructure spend a retry of that name; fatal (invalid configuration"
        " or input) and deadline fail the run at once; stopped spends nothing."
    )
    reason: Reason = Field(description="Why, in one word of the container's, the Pod's or the program's.")
    exit_code: int | None = Field(None, description="Exit code of the container, if it ended by itself.")
    node: ObjectName = Field("", description="Node it ran on.")
    pod: ObjectName = Field("", description="Name of its Pod.")
    message: Message = Field("", description="What the program or the cluster said.")
    time: Moment = Field(description="When it was noticed.")


class NetworkSuccess(Record):
    """Success of each kind of network, as far as it is known: means over tasks."""

    experts: Rates | None = Field(None, description="The experts, each on its own task.")
    collective: Rates | None = Field(None, description="The collective network on all tasks.")
    students: Rates | None = Field(None, description="The students, each on its own task.")


class RunStatus(Record):
    """What has become of the run. Written by the operator alone."""

    observed_generation: Count = Field(0, description="The metadata.generation this status is about.")
    writes: Count = Field(
        0, description="How often this status was written; it tells such a write from others."
    )
    state: RunState = Field("Pending", description="One word for people, derived from the conditions.")
    current_phase: Short = Field("", description="The first phase that is not done; empty when all are.")
    progress: Short = Field("", description="Members that succeeded, of all members, such as 13/17.")
    start_time: Moment | None = Field(None, description="When the run was accepted.")
    completion_time: Moment | None = Field(None, description="When it was complete or failed.")
    active_seconds: Count = Field(
        0, description="Time it was active, in seconds, up to activeSince; not while suspended or queued."
    )
    active_since: Moment | None = Field(None, description="Since when it is active, if it is.")
    success: NetworkSuccess = Field(NetworkSuccess(), description="Success of each kind of network.")
    best_success: Rates | None = Field(
        None, description="Success rates of the best network so far, each from 0 to 1."
    )
    success_rate: Short = Field("", description="bestSuccess.anyStep for people, such as 87 %.")
    eta_seconds: Count | None = Field(None, description="Estimated time left in the phase, in seconds.")
    eta: Short = Field("", description="etaSeconds for people, such as 12m or 1h5m.")
    retries: Count = Field(0, description="Retries of all members so far.")
    queue_position: Count | None = Field(None, description="Position of its first held Job in the queue.")
    conditions: Annotated[tuple[ConditionStatus, ...], Field(json_schema_extra={"maxItems": 8})] = Field(
        (), description="Accepted, Queued, Running, Suspended, Complete and Failed; all are always there."
    )
    phases: Annotated[tuple[PhaseStatus, ...], Field(json_schema_extra={"maxItems": 8})] = Field(
        (), description="The phases in their order."
    )
    spec_hash: Short = Field("", description="Digest of the part of the spec that must not change any more.")
    retry_token: Short = Field("", description="The last spec.retryToken acted on.")
    resolved: Resolved | None = Field(None, description="What was settled when the run began.")
    report: Uri = Field("", description="URI of report.html; empty until the evaluation has succeeded.")
    last_failure: LastFailure | None = Field(None, description="The newest failure of an attempt.")

    @property
    def has_begun(self) -> bool:
        """Whether the run was accepted once; before that a status has conditions only."""
        return bool(self.spec_hash)

    @property
    def storage_root(self) -> str:
        """URI below which everything of the run lies; empty before it begins."""
        return self.resolved.storage_root if self.resolved is not None else ""

    @property
    def image(self) -> str:
        """Image of attempts created from now on; empty before it begins."""
        return self.resolved.image if self.resolved is not None else ""

    @property
    def is_finished(self) -> bool:
        """Whether the run is Complete or Failed."""
        return self.is_true("Complete") or self.is_true("Failed")

    def condition(self, type_: ConditionType) -> ConditionStatus | None:
        """The condition of that type, if there is one."""
        return next((condition for condition in self.conditions if condition.type == type_), None)

    def is_true(self, type_: ConditionType) -> bool:
        """Whether a condition is True."""
        condition = self.condition(type_)
        return condition is not None and condition.status == "True"

    @property
    def unfinished_phase(self) -> PhaseStatus | None:
        """The first phase that is not done; None once all are."""
        return next((phase for phase in self.phases if not phase.is_done), None)

    @property
    def has_failed_member(self) -> bool:
        """Whether a member failed for good."""
        return any(member.state == "Failed" for _, member in self.members())

    def phase(self, name: str) -> PhaseStatus:
        """The phase of that name."""
        return next(phase for phase in self.phases if phase.name == name)

    def live_pods(self) -> set[str]:
        """UIDs of the recorded Pods of attempts that are under way."""
        return {member.pod_uid for _, member in self.members() if member.is_live and member.pod_uid}

    def members(self) -> Iterator[tuple[str, MemberStatus]]:
        """Every member with its phase's name."""
        for phase in self.phases:
            yield from ((phase.name, member) for member in phase.members)
