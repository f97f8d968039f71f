"""(run, observed, now) → Plan: the status to write first, then the actions to take. Pure and total.

The same arguments give the same plan. The status outranks the cluster: what it calls finished is never run
again, whatever was deleted, and an attempt's number is in it before its Job exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from collectiverun_operator.api.conditions import (
    INVALID_SPEC,
    SPEC_CHANGED,
    DesiredCondition,
    not_accepted,
)
from collectiverun_operator.api.immutability import spec_hash
from collectiverun_operator.api.members import members_of
from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.status import LastFailure, MemberStatus, PhaseStatus, Resolved, RunStatus
from collectiverun_operator.errors import Fault
from collectiverun_operator.jobs.uris import storage_root
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan import deadlines
from collectiverun_operator.plan.cleanup import expiry_time, finished_jobs, stray_jobs
from collectiverun_operator.plan.observation import Observed
from collectiverun_operator.plan.progress import with_progress_summary
from collectiverun_operator.plan.recording import PlanContext, advance
from collectiverun_operator.plan.retries import apply_retry_token
from collectiverun_operator.plan.scheduling import missing_jobs, next_start, start_members, stop_members
from collectiverun_operator.plan.summary import summarise, update_phases, with_rejection


@dataclass(frozen=True)
class CreateJob:
    """Make this Job. One of that name and this run that is there already will do."""

    manifest: JSONObject


@dataclass(frozen=True)
class DeleteJob:
    """Delete the Job of this name and UID. `is_finished`: nothing of it runs that had to be waited for."""

    namespace: str
    name: str
    uid: str
    is_finished: bool = False


@dataclass(frozen=True)
class DeleteRun:
    """Delete the run itself: its time to live is over. Its storage stays."""

    namespace: str
    name: str
    uid: str


Action = CreateJob | DeleteJob | DeleteRun


@dataclass(frozen=True)
class Plan:
    """What to do, in this order: write the status, act, look again after `requeue_after_seconds`."""

    status: RunStatus
    actions: tuple[Action, ...] = ()
    requeue_after_seconds: float | None = None


def plan(
    run: CollectiveRun, observed: Observed, now: datetime, refusal: DesiredCondition | None = None
) -> Plan:
    """What is to be done now.

    `refusal`: why what is asked for now can't be carried out. What runs goes on, and nothing new starts.
    """
    moment = now.astimezone(UTC).replace(microsecond=0)  # as precise as a status is
    status = run.status if run.status.has_begun else _begin(run, moment)
    obstacle = SPEC_CHANGED if status.spec_hash != spec_hash(run.spec) else refusal
    if obstacle is None:
        is_failing = status.is_true("Failed") or _is_failing(run, status, moment)
        status = apply_retry_token(status, run.spec.retry_token, is_failing=is_failing)
    if status.is_finished:
        return _plan_finished(run, status, observed, now)
    status = _turn(run, status, observed, moment, obstacle)
    creations = missing_jobs(run, status) if obstacle is None else ()
    # New Jobs first: somebody waits for those, and for nothing that is cleared away.
    actions: list[Action] = [*map(CreateJob, creations), *_deletions(run, status, observed)]
    return Plan(status, tuple(actions), _requeue(_times(run, status, observed, moment), now))


def reject(
    status: RunStatus, generation: int, faults: Sequence[Fault], now: datetime, reason: str = INVALID_SPEC
) -> RunStatus:
    """The status of a run whose spec can't be carried out: Accepted is False and says why, all else stays."""
    accepted = not_accepted(reason, [str(fault) for fault in faults])
    return with_rejection(status, generation, accepted, now.astimezone(UTC).replace(microsecond=0))


def _turn(
    run: CollectiveRun,
    status: RunStatus,
    observed: Observed,
    now: datetime,
    obstacle: DesiredCondition | None,
) -> RunStatus:
    """One turn: enter what happened, stop what must stop, start what may start, sum up."""
    status = advance(status, PlanContext(run.spec.run_policy, status.storage_root, observed, now))
    status = _with_deadline(run, status, now)
    is_failing = _is_failing(run, status, now)
    if run.spec.suspend or is_failing:
        status = stop_members(status, observed, now)
    elif obstacle is None:
        status = _resolve_image(run, start_members(run, status, observed, now))
    status = update_phases(status, now, is_suspended=run.spec.suspend)
    status = with_progress_summary(status, run.spec, observed)
    return summarise(run, status, observed, now, obstacle, is_failing=is_failing)


def _begin(run: CollectiveRun, now: datetime) -> RunStatus:
    """The first status of a run."""
    phases = []
    for phase in PHASES:
        members = tuple(MemberStatus(name=member.name) for member in members_of(run.spec, phase))
        phases.append(PhaseStatus(name=phase.name, members=members))
    return RunStatus(
        start_time=now,
        phases=tuple(phases),
        spec_hash=spec_hash(run.spec),
        retry_token=run.spec.retry_token,
        resolved=Resolved(image=run.spec.image or run.platform.image, storage_root=storage_root(run)),
    )


def _resolve_image(run: CollectiveRun, status: RunStatus) -> RunStatus:
    """The image of attempts created from now on; a default stays what it was when the run began."""
    if status.resolved is None or run.spec.image is None:
        return status
    return status.replace(resolved=status.resolved.replace(image=run.spec.image))


def _is_failing(run: CollectiveRun, status: RunStatus, now: datetime) -> bool:
    if status.unfinished_phase is None:
        return False
    is_late = deadlines.is_active_deadline_passed(status, run.spec.run_policy, now)
    return is_late or status.has_failed_member


def _with_deadline(run: CollectiveRun, status: RunStatus, now: datetime) -> RunStatus:
    """The active deadline noted as the last failure, once."""
    phase = status.unfinished_phase
    known = status.last_failure
    if phase is None or status.has_failed_member:
        return status  # done, or failed already for another reason
    if known is not None and known.reason == deadlines.ACTIVE:
        return status
    if not deadlines.is_active_deadline_passed(status, run.spec.run_policy, now):
        return status
    limit = run.spec.run_policy.active_deadline_seconds
    message = f"the run was active longer than activeDeadlineSeconds {limit}"
    failure = LastFailure(
        phase=phase.name, kind="deadline", reason=deadlines.ACTIVE, message=message, time=now
    )
    return status.replace(last_failure=failure)


def _plan_finished(run: CollectiveRun, status: RunStatus, observed: Observed, now: datetime) -> Plan:
    """Terminal states are frozen: only what is left over goes, and at its time the run itself."""
    status = status.replace(observed_generation=run.generation)
    expiry = expiry_time(status, run.spec.run_policy)
    actions: tuple[Action, ...] = tuple(_deletions(run, status, observed))
    if expiry is not None and expiry <= now:
        actions = (*actions, DeleteRun(run.namespace, run.name, run.uid))
    pending = [] if expiry is None or expiry <= now else [expiry]
    return Plan(status, actions, _requeue(pending, now))


def _deletions(run: CollectiveRun, status: RunStatus, observed: Observed) -> Iterator[DeleteJob]:
    for job in stray_jobs(status, observed):
        yield DeleteJob(run.namespace, job.name, job.uid)
    for job in finished_jobs(status, observed, run.spec.run_policy):
        yield DeleteJob(run.namespace, job.name, job.uid, is_finished=True)


def _times(run: CollectiveRun, status: RunStatus, observed: Observed, now: datetime) -> Iterator[datetime]:
    """Moments at which the plan becomes another one though nothing happens."""
    policy = run.spec.run_policy
    if status.is_finished:
        expiry = expiry_time(status, policy)
        yield from [expiry] if expiry is not None else []
        return
    yield from _known(next_start(status, now), deadlines.active_deadline(status, policy))
    for seen in observed.attempts.values():
        yield from _known(*(pod.gone_time for pod in seen.pods), seen.job.gone_time if seen.job else None)
        if not any(pod.has_started for pod in seen.pods):
            yield from _known(*(deadlines.pending_deadline(policy, pod.creation_time) for pod in seen.pods))


def _known(*moments: datetime | None) -> Iterator[datetime]:
    return (moment for moment in moments if moment is not None)


def _requeue(moments: Iterable[datetime], now: datetime) -> float | None:
    """Seconds until the next of these moments that is still to come."""
    return min(((moment - now).total_seconds() for moment in moments if moment > now), default=None)
