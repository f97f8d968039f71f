"""Which Jobs have to go, and when the run itself may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from collectiverun_operator.api.spec import RunPolicy
from collectiverun_operator.api.status import MemberStatus, RunStatus
from collectiverun_operator.plan.observation import Observed, ObservedAttempt, ObservedJob


def finished_jobs(status: RunStatus, observed: Observed, policy: RunPolicy) -> Iterator[ObservedJob]:
    """Jobs of which nothing runs and nobody needs the record: the succeeded ones of a phase that is done.

    Failed Jobs stay as evidence until the run goes.
    """
    done = {phase.name for phase in status.phases if phase.is_done}
    if policy.cleanup.succeeded_jobs == "Retain":
        return
    for member, seen, job in _standing_jobs(status, observed):
        if seen.is_over and seen.key.phase in done and _is_winner(member, seen):
            yield job


def stray_jobs(status: RunStatus, observed: Observed) -> Iterator[ObservedJob]:
    """Jobs that could still run and are nobody's attempt."""
    for member, seen, job in _standing_jobs(status, observed):
        if not seen.is_over and not _is_current(member, seen, job):
            yield job


def _standing_jobs(
    status: RunStatus, observed: Observed
) -> Iterator[tuple[MemberStatus, ObservedAttempt, ObservedJob]]:
    """Each Job nobody deleted yet, of a member the status knows; any other is not ours to judge."""
    members = {(phase, member.name): member for phase, member in status.members()}
    for key, seen in sorted(observed.attempts.items()):
        member = members.get((key.phase, key.member))
        if seen.job is not None and not seen.job.is_terminating and member is not None:
            yield member, seen, seen.job


def expiry_time(status: RunStatus, policy: RunPolicy) -> datetime | None:
    """When a finished run is deleted; None for never."""
    if policy.ttl_seconds_after_finished is None or status.completion_time is None:
        return None
    return status.completion_time + timedelta(seconds=policy.ttl_seconds_after_finished)


def _is_winner(member: MemberStatus, seen: ObservedAttempt) -> bool:
    return member.state == "Succeeded" and member.attempt == seen.key.attempt


def _is_current(member: MemberStatus, seen: ObservedAttempt, job: ObservedJob) -> bool:
    is_ours = member.is_live and member.state != "Stopping" and member.attempt == seen.key.attempt
    return is_ours and member.job_uid in ("", job.uid)
