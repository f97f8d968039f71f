"""What sums up a status: the phases' states, the six conditions, the run's state and its active clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from collectiverun_operator.api import conditions
from collectiverun_operator.api.advice import advice
from collectiverun_operator.api.conditions import DesiredCondition, update_conditions
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.status import ConditionStatus, PhaseStatus, RunStatus
from collectiverun_operator.api.status_fields import ConditionType, PhaseState
from collectiverun_operator.jobs.uris import report_uri
from collectiverun_operator.plan import deadlines
from collectiverun_operator.plan.cleanup import kept_jobs
from collectiverun_operator.plan.observation import Observed
from collectiverun_operator.plan.scheduling import is_anything_left
from collectiverun_operator.plan.stalls import RETRYING, STALLED, retrying, stalled
from collectiverun_operator.plan.waiting import (
    Wait,
    first_position,
    holdup_reason,
    holdup_sentence,
    left_over,
    position_sentence,
    room_sentence,
    waits,
)

_LIVE_STATES: tuple[PhaseState, ...] = ("Stopping", "Running", "Pending", "Queued")


def update_phases(status: RunStatus, now: datetime, *, is_suspended: bool) -> RunStatus:
    """Every phase's state and times, from its members."""
    return status.replace(phases=tuple(_update_phase(phase, now, is_suspended) for phase in status.phases))


def _update_phase(phase: PhaseStatus, now: datetime, is_suspended: bool) -> PhaseStatus:
    state = _phase_state(phase, is_suspended)
    has_begun = any(member.attempt for member in phase.members)
    return phase.replace(
        state=state,
        start_time=phase.start_time or (now if has_begun else None),
        completion_time=(phase.completion_time or now) if state == "Succeeded" else None,
    )


def _phase_state(phase: PhaseStatus, is_suspended: bool) -> PhaseState:
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


def summarise(
    run: CollectiveRun,
    status: RunStatus,
    observed: Observed,
    now: datetime,
    obstacle: DesiredCondition | None,
    *,
    is_failing: bool,
) -> RunStatus:
    """The status with its conditions, state, clock and times."""
    is_busy = is_anything_left(status, observed, now)
    phase = status.unfinished_phase
    found = waits(run, status, observed)
    position = first_position(found, status.queue_position)
    is_complete, is_failed = phase is None, is_failing and not is_busy
    is_ended = is_complete or is_failed
    desired: dict[ConditionType, DesiredCondition] = {
        conditions.ACCEPTED: obstacle or conditions.validated(advice(run.spec)),
        conditions.QUEUED: _queued(status, found, position_sentence(position)),
        conditions.RUNNING: _running(status, found, _Standstill.of(run, status, observed, now), is_ended),
        conditions.SUSPENDED: _suspended(run.spec.suspend and not is_ended and not is_failing, is_busy),
        conditions.COMPLETE: conditions.ALL_SUCCEEDED if is_complete else conditions.IN_PROGRESS,
        conditions.FAILED: _failed(status, is_failing, is_busy),
    }
    is_counting = not (is_ended or run.spec.suspend or _is_queued(status))
    status = deadlines.tick(status, now, is_counting=is_counting).replace(
        current_phase=phase.name if phase else "",
        completion_time=(status.completion_time or now) if is_ended else None,
        report=report_uri(status),
        queue_position=position.number if position else None,
    )
    return update_conditions(status, desired, run.generation, now)


def with_rejection(
    status: RunStatus, generation: int, accepted: DesiredCondition, now: datetime
) -> RunStatus:
    """The status of a run that is not accepted: all other conditions stay."""
    kept = {type_: _kept(status.condition(type_)) for type_ in conditions.TYPES}
    return update_conditions(status, kept | {conditions.ACCEPTED: accepted}, generation, now)


def _kept(condition: ConditionStatus | None) -> DesiredCondition:
    if condition is None:
        return DesiredCondition(False, "NotAccepted")
    return DesiredCondition(condition.status == "True", condition.reason, condition.message)


def _states(status: RunStatus) -> list[str]:
    return [member.state for _, member in status.members() if member.is_live]


def _is_queued(status: RunStatus) -> bool:
    states = _states(status)
    return bool(states) and all(state == "Queued" for state in states)


def _queued(status: RunStatus, found: tuple[Wait, ...], position: str) -> DesiredCondition:
    held = tuple(wait for wait in found if wait.state == "Queued")
    if not held:
        return conditions.NOT_QUEUED
    why = "; ".join(filter(None, (holdup_sentence(held), position)))
    if _is_queued(status):
        reason = holdup_reason(held, conditions.ALL_QUEUED.reason)
        return DesiredCondition(True, reason, _joined(conditions.ALL_QUEUED.message, why))
    live = sum(member.is_live for _, member in status.members())
    return DesiredCondition(
        False, "PartlyAdmitted", _joined(f"{len(held)} of {live} Jobs are held by the queue", why)
    )


@dataclass(frozen=True)
class _Standstill:
    """Why members that run don't get on, and what only people can put out of the way, in sentences."""

    stalls: tuple[str, ...]
    retried: tuple[str, ...]
    in_the_way: str

    @classmethod
    def of(cls, run: CollectiveRun, status: RunStatus, observed: Observed, now: datetime) -> _Standstill:
        stalls = tuple(stalled(run.spec.run_policy, status, observed, now))
        return cls(stalls, tuple(retrying(status, observed)), _in_the_way(run, status, observed))

    @property
    def reason(self) -> str:
        """One word; empty where all that run get on."""
        return STALLED if self.stalls else RETRYING if self.retried else ""

    @property
    def sentence(self) -> str:
        """Empty where all that run get on."""
        return "; ".join((*self.retried, *self.stalls))


def _running(
    status: RunStatus, found: tuple[Wait, ...], standstill: _Standstill, is_ended: bool
) -> DesiredCondition:
    states = _states(status)
    phase = status.unfinished_phase
    pending = tuple(wait for wait in found if wait.state == "Pending")
    obstacles = (holdup_sentence(pending), standstill.in_the_way)
    if "Running" in states and phase is not None:
        running = f"phase {phase.name}: {states.count('Running')} of {len(phase.members)} members run"
        reason = standstill.reason or "PhaseActive"
        return DesiredCondition(True, reason, _joined(running, standstill.sentence, *obstacles))
    if "Stopping" in states:
        return DesiredCondition(True, "Stopping", "running Jobs are being stopped at a checkpoint")
    if is_ended:
        return DesiredCondition(False, "Finished")
    reason = holdup_reason(pending, "NotStarted") if states else "Waiting"
    return DesiredCondition(False, reason, _joined(_waiting(status), *obstacles))


def _in_the_way(run: CollectiveRun, status: RunStatus, observed: Observed) -> str:
    """What only people can remove: a Pod without its Job, kept Jobs of which a quota is full."""
    kept = kept_jobs(status, observed, run.spec.run_policy)
    return "; ".join(filter(None, (left_over(status, observed), room_sentence(kept))))


def _waiting(status: RunStatus) -> str:
    phase = status.unfinished_phase
    return f"phase {phase.name}: no container has started yet" if phase is not None else ""


def _joined(*texts: str) -> str:
    return ": ".join(text for text in texts if text)


def _suspended(is_requested: bool, is_busy: bool) -> DesiredCondition:
    if not is_requested:
        return conditions.NOT_SUSPENDED
    return conditions.SUSPENDING if is_busy else conditions.IS_SUSPENDED


def _failed(status: RunStatus, is_failing: bool, is_busy: bool) -> DesiredCondition:
    if not is_failing:
        return conditions.IN_PROGRESS
    if is_busy:
        return DesiredCondition(
            False, "StoppingOthers", "a member failed; what still runs is stopped at a checkpoint"
        )
    return DesiredCondition(True, _failure_reason(status), _failure_sentence(status))


def _failure_reason(status: RunStatus) -> str:
    failure = status.last_failure
    return failure.reason if failure is not None and failure.kind == "deadline" else "MemberFailed"


def _failure_sentence(status: RunStatus) -> str:
    failure = status.last_failure
    if failure is None:
        return "a member failed"
    where = f"phase {failure.phase}"
    if failure.member:
        where += f", member {failure.member}, attempt {failure.attempt}"
    return f"{where}: {failure.reason}: {failure.message}".removesuffix(": ")
