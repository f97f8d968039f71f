"""Whether and when a member is retried after a failure, and what re-opens a failed run."""

from __future__ import annotations

from datetime import datetime, timedelta

from collectiverun_operator.api.outcome import Failed, FailureKind
from collectiverun_operator.api.pod_outcome import OUT_OF_MEMORY
from collectiverun_operator.api.spec import MEMORY_FACTOR_LIMIT, Retries
from collectiverun_operator.api.status import ConditionStatus, MemberStatus, RunStatus
from collectiverun_operator.rate_limit import exponential_backoff


def after_failure(member: MemberStatus, failure: Failed, retries: Retries, now: datetime) -> MemberStatus:
    """The member after a failed attempt: waiting for the next one, or failed for good."""
    kind = failure.kind
    if kind == "stopped":
        return member.replace(state="Waiting", next_attempt_time=None)
    charged = _charge(member, kind).replace(
        avoided_node=failure.node, memory_factor=_memory_factor(member, failure, retries)
    )
    if kind in ("fatal", "deadline") or _is_budget_exhausted(charged, retries):
        return member.replace(state="Failed", next_attempt_time=None)
    count = charged.application_retries + charged.infrastructure_retries
    moment = now + timedelta(seconds=backoff_seconds(retries, count))
    return charged.replace(state="Waiting", next_attempt_time=moment)


def _memory_factor(member: MemberStatus, failure: Failed, retries: Retries) -> float:
    """More for the next attempt, if this one ran out of memory."""
    if failure.reason != OUT_OF_MEMORY:
        return member.memory_factor
    return min(round(member.memory_factor * retries.memory_factor, 4), MEMORY_FACTOR_LIMIT)


def is_backoff_over(member: MemberStatus, retries: Retries, now: datetime) -> bool:
    """Whether a member's next attempt may begin: also if its time is farther away than any wait.

    Then it was set by a clock that has been put back since, or under a longer limit.
    """
    if member.next_attempt_time is None:
        return True
    left = (member.next_attempt_time - now).total_seconds()
    return left <= 0 or left > retries.max_backoff_seconds


def backoff_seconds(retries: Retries, count: int) -> int:
    """Seconds to wait before a member's `count`-th retry."""
    return int(exponential_backoff(retries.backoff_seconds, count, retries.max_backoff_seconds))


def apply_retry_token(status: RunStatus, retry_token: str, *, is_failing: bool) -> RunStatus:
    """Act on a new retry token: a run that failed or is failing is re-opened.

    It is recorded in any case, so that a run that fails later is not re-opened by an old token.
    """
    if retry_token == status.retry_token or status.is_true("Complete"):
        return status
    taken = status.replace(retry_token=retry_token)
    return _reopen(taken) if is_failing and retry_token else taken


def _reopen(status: RunStatus) -> RunStatus:
    """The run with the budgets of its failed members and its clocks reset. Attempt numbers go on."""
    phases = tuple(
        phase.replace(members=tuple(map(_reopen_member, phase.members))) for phase in status.phases
    )
    return status.replace(
        phases=phases,
        conditions=tuple(condition for condition in status.conditions if not _is_failure(condition)),
        completion_time=None,
        active_seconds=0,
        active_since=None,
        last_failure=None,
    )


def _is_failure(condition: ConditionStatus) -> bool:
    return condition.type == "Failed" and condition.status == "True"


def _reopen_member(member: MemberStatus) -> MemberStatus:
    if member.state != "Failed":
        return member
    return member.replace(
        state="Waiting", application_retries=0, infrastructure_retries=0, next_attempt_time=None
    )


def _charge(member: MemberStatus, kind: FailureKind) -> MemberStatus:
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
