"""Records in the status what the cluster shows: results, failures, stages. Starts and stops nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from collectiverun_operator.api.outcome import MESSAGE_LIMIT, Active, Failed, Result, Succeeded
from collectiverun_operator.api.pod_outcome import OUT_OF_MEMORY
from collectiverun_operator.api.spec import RunPolicy
from collectiverun_operator.api.status import LastFailure, MemberStatus, PhaseStatus, Rates, RunStatus
from collectiverun_operator.api.status_fields import NOTE_LIMIT
from collectiverun_operator.api.tasks import SINGLE_MEMBER, seed_of
from collectiverun_operator.formatting import gibibytes
from collectiverun_operator.jobs.uris import member_uri, relative_uri
from collectiverun_operator.plan import deadlines
from collectiverun_operator.plan.attempts import classify_attempt
from collectiverun_operator.plan.observation import Observed, ObservedAttempt
from collectiverun_operator.plan.progress import with_progress
from collectiverun_operator.plan.retries import after_failure
from collectiverun_operator.plan.stalls import stall_failure

EVICTED = "Evicted"  # where the queue's own word is not known


@dataclass(frozen=True)
class PlanContext:
    """What a member's new status depends on, beside its old one."""

    policy: RunPolicy
    root: str
    observed: Observed
    now: datetime


def record_observed(status: RunStatus, context: PlanContext) -> RunStatus:
    """The status with everything recorded that happened since it was written."""
    failures: list[LastFailure] = []
    phases = tuple(_record_phase(phase, context, failures) for phase in status.phases)
    changed = status.replace(phases=phases)
    return changed.replace(last_failure=_most_important(failures, changed) or status.last_failure)


def _most_important(failures: list[LastFailure], status: RunStatus) -> LastFailure | None:
    """Of several failures at once the one that fails the run, else the last."""
    final = {(phase, member.name) for phase, member in status.members() if member.state == "Failed"}
    ranked = sorted(failures, key=lambda failure: (failure.phase, failure.member) in final)
    return ranked[-1] if ranked else None


def _record_phase(phase: PhaseStatus, context: PlanContext, failures: list[LastFailure]) -> PhaseStatus:
    members = tuple(_record_member(phase.name, member, context, failures) for member in phase.members)
    return phase.replace(members=members)


def _record_member(
    phase: str, member: MemberStatus, context: PlanContext, failures: list[LastFailure]
) -> MemberStatus:
    if member.state in ("Succeeded", "Failed"):
        return member
    if member.state == "Waiting":
        member = _with_newest_attempt(phase, member, context.observed)
    attempt = context.observed.attempt(phase, member.name, member.attempt)
    outcome = classify_attempt(member, attempt, member_uri(context.root, phase, member.name), context.now)
    if isinstance(outcome, Succeeded):
        return _succeeded(member, outcome.result, context.root)
    if outcome is None or not member.is_live:
        return member  # of an attempt that is over, only a late artifact changes anything
    if isinstance(outcome, Active):
        late = _late(outcome, attempt, context) or stall_failure(context.policy, attempt, context.now)
        if late is None:
            failures += _eviction(phase, member, outcome, attempt, context)
            return _active(member, outcome, attempt)
        outcome = late
    member = with_progress(member, attempt.progress)
    return _failed(phase, member, _with_peak(outcome, member), context, failures)


def _with_newest_attempt(phase: str, member: MemberStatus, observed: Observed) -> MemberStatus:
    """A status that was lost or restored may be behind the cluster: attempt numbers never go back."""
    numbers = (attempt.key.attempt for attempt in observed.attempts_of(phase, member.name))
    return member.replace(attempt=max([member.attempt, *numbers]))


def _succeeded(member: MemberStatus, result: Result, root: str) -> MemberStatus:
    return member.replace(
        state="Succeeded",
        job_uid="",  # its Job is no longer needed, and a status of 128 members has to fit
        next_attempt_time=None,
        avoided_node="",
        uri=relative_uri(root, result.uri),
        manifest_sha256=result.manifest_sha256,
        env_steps=result.env_steps,
        success=Rates.of(result.success),
        experts=Rates.of(result.experts),
        students=Rates.of(result.students),
        peak_memory_bytes=result.peak_memory_bytes or member.peak_memory_bytes,
        used_cpu_seconds=result.cpu_seconds or member.used_cpu_seconds,
        # A phase with a member for each task has no room for notes: the manifest keeps them.
        note=result.note[:NOTE_LIMIT] if member.name == SINGLE_MEMBER or seed_of(member.name) else "",
    )


def _active(member: MemberStatus, outcome: Active, attempt: ObservedAttempt) -> MemberStatus:
    member = member.replace(
        state=outcome.stage,
        job_uid=attempt.job.uid if attempt.job else "",
        pod_uid=attempt.pod.uid if attempt.pod else "",
    )
    return with_progress(member, attempt.progress)


def _eviction(
    phase: str, member: MemberStatus, outcome: Active, attempt: ObservedAttempt, context: PlanContext
) -> list[LastFailure]:
    """What took the attempt's place in the queue back, if that has happened. It spends no retry."""
    if outcome.stage != "Queued" or not member.pod_uid or attempt.job is None:
        return []
    holdup = context.observed.holdups.get(attempt.job.name)
    reason, message = (holdup.eviction, holdup.message) if holdup is not None else ("", "")
    evicted = Failed("stopped", reason or EVICTED, message or "the queue took its place back")
    return [_last_failure(phase, member, evicted, context.now)]


def _late(outcome: Active, attempt: ObservedAttempt, context: PlanContext) -> Failed | None:
    """The failure of an attempt whose Pod has not started, or was never made, by its deadline."""
    if outcome.stage != "Pending":
        return None
    deadline = deadlines.pending_deadline(context.policy, attempt.startable_time)
    if deadline is None or context.now < deadline:
        return None
    message = f"its Pod did not start within pendingDeadlineSeconds {context.policy.pending_deadline_seconds}"
    holdup = context.observed.holdups.get(attempt.job.name) if attempt.job else None
    waiting = holdup.message if holdup else outcome.waiting  # the Pod itself only says ContainerCreating
    if waiting:
        message += f": {waiting}"
    pod = attempt.pod
    return Failed(
        "deadline",
        deadlines.PENDING,
        message[:MESSAGE_LIMIT],
        pod=pod.name if pod else "",
        node=pod.node if pod else "",
    )


def _failed(
    phase: str, member: MemberStatus, outcome: Failed, context: PlanContext, failures: list[LastFailure]
) -> MemberStatus:
    if outcome.kind != "stopped":
        failures.append(_last_failure(phase, member, outcome, context.now))
    return after_failure(member, outcome, context.policy.retries, context.now)


def _with_peak(failure: Failed, member: MemberStatus) -> Failed:
    """The failure of an attempt that ran out of memory, with how much it had needed when it last said so."""
    if failure.reason != OUT_OF_MEMORY or not member.peak_memory_bytes:
        return failure
    peak = f"it last reported a peak of {gibibytes(member.peak_memory_bytes)}, at env step {member.env_steps}"
    return replace(failure, message="; ".join(filter(None, (failure.message, peak))))


def _last_failure(phase: str, member: MemberStatus, failure: Failed, now: datetime) -> LastFailure:
    return LastFailure(
        phase=phase,
        member=member.name,
        attempt=member.attempt,
        kind=failure.kind,
        reason=failure.reason,
        exit_code=failure.exit_code,
        node=failure.node,
        pod=failure.pod,
        message=failure.message,
        time=now,
    )
