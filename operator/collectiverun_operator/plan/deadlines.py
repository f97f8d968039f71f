"""Two deadlines: on the run's active time, which a status counts, and on an attempt's time to start."""

from __future__ import annotations

from datetime import datetime, timedelta

from collectiverun_operator.api.spec import RunPolicy
from collectiverun_operator.api.status import RunStatus

ACTIVE = "DeadlineExceeded"
PENDING = "PendingDeadlineExceeded"


def tick(status: RunStatus, now: datetime, *, is_counting: bool) -> RunStatus:
    """Start or stop the run's active clock. The status changes only then."""
    if is_counting and status.active_since is None:
        return status.replace(active_since=now)
    if not is_counting and status.active_since is not None:
        return status.replace(active_seconds=active_seconds(status, now), active_since=None)
    return status


def active_seconds(status: RunStatus, now: datetime) -> int:
    """Time the run was neither suspended nor held by a queue, up to now."""
    since = status.active_since
    running = 0 if since is None else max(0, int((now - since).total_seconds()))
    return status.active_seconds + running


def is_active_deadline_passed(status: RunStatus, policy: RunPolicy, now: datetime) -> bool:
    """Whether the run's active time is used up."""
    limit = policy.active_deadline_seconds
    return limit is not None and active_seconds(status, now) >= limit


def active_deadline(status: RunStatus, policy: RunPolicy) -> datetime | None:
    """When the run's active time will be used up if its clock keeps running; None if it is stopped."""
    if policy.active_deadline_seconds is None or status.active_since is None:
        return None
    return status.active_since + timedelta(seconds=policy.active_deadline_seconds - status.active_seconds)


def pending_deadline(policy: RunPolicy, startable_time: datetime | None) -> datetime | None:
    """By when a Pod has to start that could since `startable_time`; None while a queue holds its Job."""
    if policy.pending_deadline_seconds is None or startable_time is None:
        return None
    return startable_time + timedelta(seconds=policy.pending_deadline_seconds)
