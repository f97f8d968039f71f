"""Whether a member is tried again after a failure, and when; and what re-opens a failed run."""

from __future__ import annotations

from datetime import datetime, timedelta

from collectiverun_operator.api.outcome import FailureKind
from collectiverun_operator.api.spec import Retries
from collectiverun_operator.api.status import ConditionStatus, MemberStatus, RunStatus


def after_failure(member: MemberStatus, kind: FailureKind, retries: Retries, now: datetime) -> MemberStatus:
    """The member after its attempt ended so: waiting for the next one, or failed for good."""
    if kind == "stopped":
        return member.replace(state="Waiting", next_attempt_time=None)
    spent = _spend(member, kind)
    if kind in ("fatal", "deadline") or _is_budget_exhausted(spent, retries):
        return member.replace(state="Failed", next_attempt_time=None)
    count = spent.application_retries + spent.infrastructure_retries
    moment = now + timedelta(seconds=backoff_seconds(retries, count))
    return spent.replace(state="Waiting", next_attempt_time=moment)


def backoff_seconds(retries: Retries, count: int) -> int:
    """Wait before a member's `count`-th retry: doubled every time, up to the limit."""
    doublings = min(count - 1, 20)  # more than any limit allows, and no huge number
    return int(min(retries.backoff_seconds * 2**doublings, retries.max_backoff_seconds))


def apply_retry_token(status: RunStatus, retry_token: str, *, is_failing: bool) -> RunStatus:
    """Act on a retry token once: a run that failed or is about to goes on; no other needs it.

    A token is taken up even if it did nothing, so that a run that fails later does not retry unasked.
    """
    if retry_token == status.retry_token or status.is_true("Complete"):
        return status
    taken = status.replace(retry_token=retry_token)
    return _reopen(taken) if is_failing and retry_token else taken


def _reopen(status: RunStatus) -> RunStatus:
    """The run with its failed members' budgets and its clocks at zero. Attempt numbers never go back."""
    phases = tuple(
        phase.replace(members=tuple(map(_reopen_member, phase.members))) for phase in status.phases
    )
    return status.replace(
        phases=phases,
        conditions=tuple(found for found in status.conditions if not _says_failed(found)),
        completion_time=None,
        active_seconds=0,
        active_since=None,
        last_failure=None,
    )


def _says_failed(condition: ConditionStatus) -> bool:
    return condition.type == "Failed" and condition.status == "True"


def _reopen_member(member: MemberStatus) -> MemberStatus:
    if member.state != "Failed":
        return member
    return member.replace(
        state="Waiting", application_retries=0, infrastructure_retries=0, next_attempt_time=None
    )


def _spend(member: MemberStatus, kind: FailureKind) -> MemberStatus:
    if kind == "application":
        return member.replace(application_retries=member.application_retries + 1)
    if kind == "infrastructure":
        return member.replace(infrastructure_retries=member.infrastructure_retries + 1)
    return member


def _is_budget_exhausted(member: MemberStatus, retries: Retries) -> bool:
    return (
        member.application_retries > retries.application
        or member.infrastructure_retries > retries.infrastructure
    )
