"""When a phase is done, which one is next, and when the run has failed."""

from __future__ import annotations

from datetime import datetime

from collectiverun_operator.api.status_json import PhaseState, PhaseStatus, RunStatus

_LIVE_STATES: tuple[PhaseState, ...] = ("Stopping", "Running", "Pending", "Queued")


def current_phase(status: RunStatus) -> PhaseStatus | None:
    """The first phase that is not done; None once all are."""
    return next((phase for phase in status.phases if not phase.is_done), None)


def failed_member(status: RunStatus) -> tuple[str, str] | None:
    """Phase and name of the first member that failed for good."""
    failed = ((phase, member.name) for phase, member in status.members() if member.state == "Failed")
    return next(failed, None)


def settle_phases(status: RunStatus, now: datetime, *, is_suspended: bool) -> RunStatus:
    """Every phase's state and times, from its members."""
    return status.but(phases=tuple(_settle(phase, now, is_suspended) for phase in status.phases))


def _settle(phase: PhaseStatus, now: datetime, is_suspended: bool) -> PhaseStatus:
    state = _state(phase, is_suspended)
    has_begun = any(member.attempt for member in phase.members)
    return phase.but(
        state=state,
        start_time=phase.start_time or (now if has_begun else None),
        completion_time=(phase.completion_time or now) if state == "Succeeded" else None,
    )


def _state(phase: PhaseStatus, is_suspended: bool) -> PhaseState:
    states = {member.state for member in phase.members}
    if not states:
        return "Skipped"
    if states == {"Succeeded"}:
        return "Succeeded"
    if "Failed" in states:
        return "Failed"
    live = next((state for state in _LIVE_STATES if state in states), None)
    if live is not None:
        return live
    has_begun = any(member.attempt for member in phase.members)
    return "Suspended" if is_suspended and has_begun else "Waiting"
