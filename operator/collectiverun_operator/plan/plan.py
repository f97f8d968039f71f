"""(run, observed, now) → Plan: the status to write first, then the actions to take. Pure and total.

The same arguments give the same plan. The status outranks the cluster: what is recorded as finished never
runs again, whatever was deleted, and an attempt is recorded before its Job exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collectiverun_operator.api.conditions import SPEC_CHANGED, DesiredCondition
from collectiverun_operator.api.immutability import spec_hash
from collectiverun_operator.api.members import members_of
from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.status import LastFailure, MemberStatus, PhaseStatus, Resolved, RunStatus
from collectiverun_operator.jobs.uris import report_uri, storage_root
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan import deadlines
from collectiverun_operator.plan.cleanup import expiry_time, finished_jobs, stray_jobs
from collectiverun_operator.plan.costs import with_costs
from collectiverun_operator.plan.observation import Observed
from collectiverun_operator.plan.progress import with_progress_summary
from collectiverun_operator.plan.recording import PlanContext, record_observed
from collectiverun_operator.plan.retries import apply_retry_token
from collectiverun_operator.plan.scheduling import missing_jobs, next_start, start_members, stop_members
from collectiverun_operator.plan.stalls import stall_time
from collectiverun_operator.plan.summary import summarise, update_phases, with_rejection
from collectiverun_operator.plan.waiting import look_again_seconds, stale_labels


@dataclass(frozen=True)
class CreateJob:
    """Create this Job, unless the run has one of that name already."""

    manifest: JSONObject


@dataclass(frozen=True)
class DeleteJob:
    """Delete the Job of this name and UID. `is_finished`: no Pod of it runs that would have to stop first."""

    namespace: str
    name: str
    uid: str
    is_finished: bool = False


@dataclass(frozen=True)
class DeleteRun:
    """Delete the run itself: its time to live has expired. Its storage stays."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True)
class RelabelJob:
    """Set labels of a Job that waits in a queue."""

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]


Action = CreateJob | DeleteJob | RelabelJob | DeleteRun


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

    `refusal`: condition Accepted if the spec can't be carried out. What runs goes on; nothing new starts.
    """
    moment = now.astimezone(UTC).replace(microsecond=0)  # the precision of a status
    status = run.status if run.status.has_begun else _begin(run, moment)
    obstacle = SPEC_CHANGED if status.spec_hash != spec_hash(run.spec) else refusal
    if obstacle is None:
        is_failing = status.is_true("Failed") or _is_failing(run, status, moment)
        status = apply_retry_token(status, run.spec.retry_token, is_failing=is_failing)
    if status.is_finished:
        return _plan_finished(run, status, observed, now)
    status = _advance(run, status, observed, moment, obstacle)
    creations = missing_jobs(run, status) if obstacle is None else ()
    # Creations first: somebody waits for those, nobody for deletions.
    actions: list[Action] = [*map(CreateJob, creations), *_deletions(run, status, observed, now)]
    for job, queue_labels in stale_labels(run, status, observed):
        actions.append(RelabelJob(run.namespace, job.name, job.uid, queue_labels))
    return Plan(status, tuple(actions), _requeue(_times(run, status, observed, moment), now))


def reject(status: RunStatus, generation: int, accepted: DesiredCondition, now: datetime) -> RunStatus:
    """The status of a run whose spec can't be carried out: `accepted` says why, all else stays."""
    return with_rejection(status, generation, accepted, now.astimezone(UTC).replace(microsecond=0))


def _advance(
    run: CollectiveRun,
    status: RunStatus,
    observed: Observed,
    now: datetime,
    obstacle: DesiredCondition | None,
) -> RunStatus:
    """Record what happened, stop what must stop, start what may start, sum up."""
    before = status
    status = record_observed(status, PlanContext(run.spec.run_policy, status.storage_root, observed, now))
    status = _with_deadline(run, status, now)
    is_failing = _is_failing(run, status, now)
    if run.spec.suspend or is_failing:
        status = stop_members(status, observed, now)
    elif obstacle is None:
        status = _resolve_image(run, start_members(run, status, observed, now))
    status = with_costs(run, before, status, observed, now)
    status = update_phases(status, now, is_suspended=run.spec.suspend)
    status = with_progress_summary(run, status, observed)
    return summarise(run, status, observed, now, obstacle, is_failing=is_failing)


def _begin(run: CollectiveRun, now: datetime) -> RunStatus:
    """The first status of a run."""
    phases = []
    several = len(run.spec.all_seeds) > 1
    for phase in (phase for phase in PHASES if several or not phase.settings.ONLY_OF_SEVERAL_SEEDS):
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
    """The status with an exceeded active deadline recorded as the last failure, once."""
    phase = status.unfinished_phase
    last_failure = status.last_failure
    if phase is None or status.has_failed_member:
        return status  # done, or failed already for another reason
    if last_failure is not None and last_failure.reason == deadlines.ACTIVE:
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
    """Terminal states are frozen: leftover Jobs are deleted, and the run itself when its time is up."""
    # A run that an earlier version finished has no address of its report yet.
    status = status.replace(observed_generation=run.generation, report=report_uri(status))
    expiry = expiry_time(status, run.spec.run_policy)
    actions: tuple[Action, ...] = tuple(_deletions(run, status, observed, now))
    if expiry is not None and expiry <= now:
        actions = (*actions, DeleteRun(run.namespace, run.name, run.uid))
    releases = [pod.release_time for attempt in observed.attempts.values() for pod in attempt.pods]
    return Plan(status, actions, _requeue(_existing(expiry, *releases), now))


def _deletions(
    run: CollectiveRun, status: RunStatus, observed: Observed, now: datetime
) -> Iterator[DeleteJob]:
    for job in stray_jobs(status, observed, now):
        yield DeleteJob(run.namespace, job.name, job.uid)
    for job in finished_jobs(status, observed, run.spec.run_policy):
        yield DeleteJob(run.namespace, job.name, job.uid, is_finished=True)


def _times(run: CollectiveRun, status: RunStatus, observed: Observed, now: datetime) -> Iterator[datetime]:
    """Times at which the plan changes even if nothing happens."""
    policy = run.spec.run_policy
    if status.is_finished:
        expiry = expiry_time(status, policy)
        yield from [expiry] if expiry is not None else []
        return
    yield from _existing(next_start(status, now), deadlines.active_deadline(status, policy))
    for attempt in observed.attempts.values():
        yield from _existing(
            *(pod.gone_time for pod in attempt.pods),
            *(pod.release_time for pod in attempt.pods),
            attempt.job.gone_time if attempt.job else None,
        )
        yield from _existing(stall_time(policy, attempt))
        if not any(pod.has_started for pod in attempt.pods):
            yield from _existing(deadlines.pending_deadline(policy, attempt.startable_time))
    again = look_again_seconds(run, status, observed)
    if again is not None:
        yield now + timedelta(seconds=again)


def _existing(*moments: datetime | None) -> Iterator[datetime]:
    return (moment for moment in moments if moment is not None)


def _requeue(moments: Iterable[datetime], now: datetime) -> float | None:
    """Seconds until the next of these moments that is still to come."""
    return min(((moment - now).total_seconds() for moment in moments if moment > now), default=None)
