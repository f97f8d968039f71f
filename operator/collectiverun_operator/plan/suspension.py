"""How attempts are stopped: for a suspended run, and for the siblings of a member that failed for good."""

from __future__ import annotations

from datetime import datetime

from collectiverun_operator.api.status_json import MemberStatus, PhaseStatus, RunStatus
from collectiverun_operator.plan.observation import Observed


def stop_members(status: RunStatus, observed: Observed, now: datetime) -> RunStatus:
    """Every live attempt stopping; one of which nothing runs is over at once and spends nothing."""
    return status.but(phases=tuple(_stop_phase(phase, observed, now) for phase in status.phases))


def is_anything_left(status: RunStatus, observed: Observed, now: datetime) -> bool:
    """Whether a Job or Pod of the run may still do something."""
    live = any(member.is_live for _, member in status.members())
    return live or any(attempt.occupies(now) for attempt in observed.attempts.values())


def _stop_phase(phase: PhaseStatus, observed: Observed, now: datetime) -> PhaseStatus:
    return phase.but(members=tuple(_stop(phase.name, member, observed, now) for member in phase.members))


def _stop(phase: str, member: MemberStatus, observed: Observed, now: datetime) -> MemberStatus:
    if not member.is_live:
        return member
    if observed.attempt(phase, member.name, member.attempt).occupies(now):
        return member.but(state="Stopping")
    return member.but(state="Waiting", next_attempt_time=None)
