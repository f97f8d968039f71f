"""What a run has taken: of the cluster (cores and GPUs requested, times the time that containers ran), and of
processors (the CPU time that its processes report).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from collectiverun_operator.api.outcome import RETRY_BUDGETS
from collectiverun_operator.api.phases import PHASE_BY_NAME
from collectiverun_operator.api.quantities import effective_requests, parse_quantity
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.status import MemberStatus, PhaseStatus, RunStatus
from collectiverun_operator.api.trainer_report import MAX_COUNT
from collectiverun_operator.jobs.phase_order import resources_of
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.observation import Observed

# Whose resources are devices: nvidia.com/gpu, nvidia.com/mig-1g.10gb, amd.com/gpu, gpu.intel.com/i915.
_DEVICES = ("nvidia.com/", "amd.com/gpu", "gpu.intel.com/")


@dataclass(frozen=True)
class Request:
    """What one container requests: CPU cores (one if it names none) and GPUs."""

    cpus: Decimal
    gpus: Decimal


def requested(resources: JSONObject) -> Request:
    """What resources as in a Pod amount to."""
    amounts = effective_requests(resources)
    gpus = (parse_quantity(n) for key, n in amounts.items() if key.startswith(_DEVICES))
    return Request(parse_quantity(amounts.get("cpu", 1)), sum(gpus, Decimal()))


def with_costs(
    run: CollectiveRun, before: RunStatus, after: RunStatus, observed: Observed, now: datetime
) -> RunStatus:
    """The new status with what attempts took that have ended since the last one."""
    old = {(phase, member.name): member for phase, member in before.members()}
    phases = (_with_phase_costs(run, phase, old, observed, now) for phase in after.phases)
    return after.replace(phases=tuple(phases))


def _with_phase_costs(
    run: CollectiveRun,
    phase: PhaseStatus,
    old: Mapping[tuple[str, str], MemberStatus],
    observed: Observed,
    now: datetime,
) -> PhaseStatus:
    members = []
    for after in phase.members:
        before = old.get((phase.name, after.name), MemberStatus(name=after.name))
        after = _with_running_since(phase.name, before, after, observed)
        used = phase.used_cpu_seconds + _newly_used(before, after)
        phase = phase.replace(used_cpu_seconds=min(used, MAX_COUNT))
        if before.running_since is not None and after.running_since != before.running_since:
            attempt = observed.attempt(phase.name, after.name, before.attempt)
            end = attempt.finish_time(before.pod_uid) or now
            seconds = max(0, int((end - before.running_since).total_seconds()))
            request = requested(resources_of(run, PHASE_BY_NAME[phase.name]))
            phase = _charged(phase, request, seconds, has_failed=_has_failed(before, after))
        members.append(after)
    return phase.replace(members=tuple(members))


def _newly_used(before: MemberStatus, after: MemberStatus) -> int:
    """CPU seconds since the last status. Each process counts from zero: a figure that fell is a new one's."""
    is_same = after.used_cpu_seconds >= before.used_cpu_seconds and after.attempt == before.attempt
    return after.used_cpu_seconds - (before.used_cpu_seconds if is_same else 0)


def _has_failed(before: MemberStatus, after: MemberStatus) -> bool:
    """Whether the attempt failed. One that was evicted or stopped goes on from its checkpoint."""
    return after.state == "Failed" or any(
        after.retries(budget) > before.retries(budget) for budget in RETRY_BUDGETS
    )


def _with_running_since(
    phase: str, before: MemberStatus, after: MemberStatus, observed: Observed
) -> MemberStatus:
    if after.state == "Stopping":
        return after.replace(running_since=before.running_since)
    pod = observed.attempt(phase, after.name, after.attempt).pod
    is_running = after.state == "Running" and pod is not None
    return after.replace(running_since=pod.start_time if is_running and pod is not None else None)


def _charged(phase: PhaseStatus, request: Request, seconds: int, *, has_failed: bool) -> PhaseStatus:
    cpu, gpu = int(request.cpus * seconds), int(request.gpus * seconds)
    return phase.replace(
        cpu_seconds=phase.cpu_seconds + cpu,
        gpu_seconds=phase.gpu_seconds + gpu,
        failed_cpu_seconds=phase.failed_cpu_seconds + (cpu if has_failed else 0),
        failed_gpu_seconds=phase.failed_gpu_seconds + (gpu if has_failed else 0),
    )
