"""Which Jobs have to go, and when the run itself may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from collectiverun_operator.observation import Observed, ObservedAttempt, ObservedJob
from collectiverun_operator.specification.run import RunPolicy
from collectiverun_operator.status import MemberStatus, RunStatus


def superfluous_jobs(status: RunStatus, observed: Observed, policy: RunPolicy) -> Iterator[ObservedJob]:
    """Jobs to delete: all that could still run and are nobody's attempt, and succeeded ones of a done phase.

    Failed Jobs stay as evidence until the run goes. A Job of a member the status does not know is not ours to
    judge, and stays.
    """
    members = {(phase, member.name): member for phase, member in status.members()}
    done = {phase.name for phase in status.phases if phase.is_done}
    for key, seen in sorted(observed.attempts.items()):
        member = members.get((key.phase, key.member))
        if seen.job is None or seen.job.is_terminating or member is None:
            continue
        if seen.is_over:
            is_kept = policy.cleanup.succeeded_jobs == "Retain" or key.phase not in done
            if _is_winner(member, seen) and not is_kept:
                yield seen.job
        elif not _is_current(member, seen, seen.job):
            yield seen.job


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
