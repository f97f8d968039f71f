"""Progress for people: env steps, success rates and the time left, from results and progress lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from collectiverun_operator.api.members import members_of
from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.api.phases import PHASE_BY_NAME
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.status import MemberStatus, NetworkSuccess, PhaseStatus, Rates, RunStatus
from collectiverun_operator.formatting import percent, time_left
from collectiverun_operator.jobs.phase_order import parallelism_of
from collectiverun_operator.plan.observation import Observed

MAX_ETA_SECONDS = 10 * 365 * 86_400


def with_progress(member: MemberStatus, progress: Progress | None) -> MemberStatus:
    """A running member with what its newest progress line says."""
    if progress is None or progress.is_silent:
        return member
    success = Rates.of(progress.success) or member.success
    peak_bytes = progress.peak_memory_bytes or member.peak_memory_bytes
    cpu_seconds = progress.cpu_seconds or member.used_cpu_seconds
    return member.replace(
        env_steps=progress.env_steps,
        success=success,
        peak_memory_bytes=peak_bytes,
        used_cpu_seconds=cpu_seconds,
    )


def with_progress_summary(run: CollectiveRun, status: RunStatus, observed: Observed) -> RunStatus:
    """The status with the progress of every phase and of the run."""
    phases = tuple(_with_phase_progress(run, phase, observed) for phase in status.phases)
    members = [member for phase in phases for member in phase.members]
    success = _network_success({phase.name: phase for phase in phases})
    best = _best(success)
    eta_seconds = next((phase.eta_seconds for phase in phases if phase.eta_seconds is not None), None)
    done = sum(member.state == "Succeeded" for member in members)
    return status.replace(
        phases=phases,
        progress=f"{done}/{len(members)}",
        retries=sum(member.application_retries + member.infrastructure_retries for member in members),
        success=success,
        best_success=best,
        success_rate=percent(best.any_step) if best is not None else "",
        eta_seconds=eta_seconds,
        eta=time_left(eta_seconds),
    )


def _with_phase_progress(run: CollectiveRun, phase: PhaseStatus, observed: Observed) -> PhaseStatus:
    described = PHASE_BY_NAME[phase.name]
    weights = {member.name: len(member.tasks) for member in members_of(run.spec, described)}
    return phase.replace(
        env_steps=sum(member.env_steps for member in phase.members),
        success=_mean(phase.members, weights),
        eta_seconds=_eta_seconds(phase, observed, parallelism_of(run, described)),
    )


def _mean(members: Sequence[MemberStatus], weights: Mapping[str, int]) -> Rates | None:
    """Mean over the members whose success is known, each weighted with its number of tasks."""
    rated = [(member.success, weights.get(member.name, 1)) for member in members if member.success]
    total = sum(weight for _, weight in rated)
    if not total:
        return None
    return Rates(
        any_step=round(sum(success.any_step * weight for success, weight in rated) / total, 4),
        at_end=round(sum(success.at_end * weight for success, weight in rated) / total, 4),
    )


def _eta_seconds(phase: PhaseStatus, observed: Observed, parallelism: int) -> int | None:
    """Time left in a phase: that of the slowest running member, plus one duration for each waiting wave."""
    running = [_progress(phase.name, member, observed) for member in phase.members if member.is_live]
    estimates = [(p.eta_seconds, p.fraction) for p in running if p is not None and p.eta_seconds is not None]
    if not estimates:
        return None
    waiting = sum(member.state == "Waiting" for member in phase.members)
    waves = math.ceil(waiting / parallelism)
    slowest = max(eta_seconds for eta_seconds, _ in estimates)
    seconds = slowest + waves * max(_duration(*estimate) for estimate in estimates)
    return int(min(MAX_ETA_SECONDS, max(0, seconds)))


def _duration(eta_seconds: float, fraction: float | None) -> float:
    """Seconds that a member takes in all, at its present speed."""
    return eta_seconds / max(1.0 - (fraction or 0.0), 0.01)


def _progress(phase: str, member: MemberStatus, observed: Observed) -> Progress | None:
    return observed.attempt(phase, member.name, member.attempt).progress


def _network_success(phases: Mapping[str, PhaseStatus]) -> NetworkSuccess:
    """The evaluation's success rates, of several seeds their comparison's; until then the phases' own."""
    last = phases.get("comparison") or phases["evaluation"]
    final = last.members[0] if last.members else MemberStatus(name="")
    latest = (phases[name].success for name in ("evaluation", "refinement", "onlineDistillation"))
    collective = next((success for success in latest if success is not None), None)
    return NetworkSuccess(
        experts=final.experts or phases["experts"].success,
        collective=final.success or collective,
        students=final.students or phases["students"].success,
    )


def _best(success: NetworkSuccess) -> Rates | None:
    candidates = [
        rates for rates in (success.experts, success.collective, success.students) if rates is not None
    ]
    return max(candidates, key=lambda rates: (rates.any_step, rates.at_end), default=None)
