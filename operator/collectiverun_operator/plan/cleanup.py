"""Which Jobs are deleted, and when the run itself is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from collectiverun_operator.api.outcome import JOB_REFUSED, Holdup
from collectiverun_operator.api.spec import RunPolicy
from collectiverun_operator.api.status import MemberStatus, RunStatus
from collectiverun_operator.plan.observation import Observed, ObservedAttempt, ObservedJob

QUOTA = "exceeded quota"  # the API server's words


def finished_jobs(status: RunStatus, observed: Observed, policy: RunPolicy) -> Iterator[ObservedJob]:
    """Succeeded Jobs of phases that are done. Failed Jobs stay for inspection until the run is deleted.

    A quota on Jobs counts the finished ones too. While it refuses one, those of the phase that goes on are
    removed as well, or its last members would wait for ever for room that only its end makes.
    """
    is_refused = bool(_refusals(observed))
    done = {phase.name for phase in status.phases if phase.is_done or is_refused}
    if policy.cleanup.succeeded_jobs == "Retain":
        return
    for member, attempt, job in _undeleted_jobs(status, observed):
        if attempt.is_over and attempt.key.phase in done and _has_published(member, attempt):
            yield job


def kept_jobs(status: RunStatus, observed: Observed, policy: RunPolicy) -> Iterator[ObservedJob]:
    """Jobs that ended and stay, which count in a quota on Jobs while one refuses the next; else none.

    The operator makes no room with them: their Pods' logs are what there is to look at after a failure.
    """
    if not any(QUOTA in holdup.message for holdup in _refusals(observed)):
        return
    removed = {job.uid for job in finished_jobs(status, observed, policy)}
    for _, _, job in _undeleted_jobs(status, observed):
        if job.is_finished and job.uid not in removed:
            yield job


def _refusals(observed: Observed) -> list[Holdup]:
    return [holdup for holdup in observed.holdups.values() if holdup.reason == JOB_REFUSED]


def stray_jobs(status: RunStatus, observed: Observed, now: datetime) -> Iterator[ObservedJob]:
    """Jobs that may still run and belong to no recorded attempt, or have no trainer any more."""
    for member, attempt, job in _undeleted_jobs(status, observed):
        if attempt.is_kept_up(now) or not (attempt.is_over or _is_current(member, attempt, job)):
            yield job


def _undeleted_jobs(
    status: RunStatus, observed: Observed
) -> Iterator[tuple[MemberStatus, ObservedAttempt, ObservedJob]]:
    """Each Job that nobody deleted, of a member in the status; all others are left alone."""
    members = {(phase, member.name): member for phase, member in status.members()}
    for key, attempt in sorted(observed.attempts.items()):
        member = members.get((key.phase, key.member))
        if attempt.job is not None and not attempt.job.is_terminating and member is not None:
            yield member, attempt, attempt.job


def expiry_time(status: RunStatus, policy: RunPolicy) -> datetime | None:
    """When a finished run is deleted; None for never."""
    if policy.ttl_seconds_after_finished is None or status.completion_time is None:
        return None
    return status.completion_time + timedelta(seconds=policy.ttl_seconds_after_finished)


def _has_published(member: MemberStatus, attempt: ObservedAttempt) -> bool:
    return member.state == "Succeeded" and member.attempt == attempt.key.attempt


def _is_current(member: MemberStatus, attempt: ObservedAttempt, job: ObservedJob) -> bool:
    is_ours = member.is_live and member.state != "Stopping" and member.attempt == attempt.key.attempt
    return is_ours and member.job_uid in ("", job.uid)
