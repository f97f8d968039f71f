"""Which attempts begin now and which are stopped. A number is recorded first, its Job created after that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from collectiverun_operator.api.members import inputs_of, members_of
from collectiverun_operator.api.phases import PHASE_BY_NAME
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.status import MemberStatus, PhaseStatus, RunStatus
from collectiverun_operator.jobs.manifest import Lessons, job_manifest, job_name
from collectiverun_operator.jobs.phase_order import parallelism_of, phase_order, task_documents
from collectiverun_operator.jobs.uris import absolute_uri
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.observation import Observed, ObservedJob
from collectiverun_operator.plan.retries import is_backoff_over


def start_members(run: CollectiveRun, status: RunStatus, observed: Observed, now: datetime) -> RunStatus:
    """The status with the attempts that begin now, within the phase's parallelism.

    A member is due when nothing of its earlier attempts is left and its back-off is over.
    """
    phase = status.unfinished_phase
    if phase is None:
        return status
    free = parallelism_of(run, PHASE_BY_NAME[phase.name])
    free -= sum(_is_occupied(phase.name, member, observed, now) for member in phase.members)
    members = []
    for member in phase.members:
        if free > 0 and _may_start(run, phase.name, member, observed, now):
            member = _begin(member)
            free -= 1
        members.append(member)
    changed = phase.replace(members=tuple(members))
    return status.replace(
        phases=tuple(changed if other.name == phase.name else other for other in status.phases)
    )


def missing_jobs(run: CollectiveRun, status: RunStatus) -> Iterator[JSONObject]:
    """Manifests of recorded attempts whose Job was never observed."""
    for phase in status.phases:
        for member in phase.members:
            if member.state == "Pending" and not member.job_uid:
                yield _manifest(run, status, phase, member)


def expected_jobs(run: CollectiveRun) -> Iterator[str]:
    """Names of live attempts' Jobs: a cache may lack one that exists, so each is asked for by name."""
    for phase, member in run.status.members():
        if member.is_live:
            yield job_name(run, PHASE_BY_NAME[phase], member.name, member.attempt)


def doubtful_jobs(status: RunStatus, observed: Observed) -> Iterator[ObservedJob]:
    """Jobs of live attempts to be read afresh, before the end of a Pod is taken for a failure."""
    for phase, member in status.members():
        attempt = observed.attempt(phase, member.name, member.attempt)
        if member.is_live and attempt.job is not None and attempt.is_doubtful(member.pod_uid):
            yield attempt.job


def next_start(status: RunStatus, now: datetime) -> datetime | None:
    """When a member's back-off ends."""
    phase = status.unfinished_phase
    times = (member.next_attempt_time for member in (phase.members if phase else ()))
    return min((moment for moment in times if moment is not None and moment > now), default=None)


def stop_members(status: RunStatus, observed: Observed, now: datetime) -> RunStatus:
    """The status with every live attempt stopping, or over if nothing of it runs. No retry is charged."""
    return status.replace(phases=tuple(_stop_phase(phase, observed, now) for phase in status.phases))


def is_anything_left(status: RunStatus, observed: Observed, now: datetime) -> bool:
    """Whether a Job or Pod of the run may still do something."""
    is_live = any(member.is_live for _, member in status.members())
    return is_live or any(attempt.occupies(now) for attempt in observed.attempts.values())


def _is_occupied(phase: str, member: MemberStatus, observed: Observed, now: datetime) -> bool:
    """Whether an attempt of the member runs or is about to."""
    return member.is_live or any(
        attempt.occupies(now) for attempt in observed.attempts_of(phase, member.name)
    )


def _may_start(
    run: CollectiveRun, phase: str, member: MemberStatus, observed: Observed, now: datetime
) -> bool:
    if member.state != "Waiting" or _is_occupied(phase, member, observed, now):
        return False
    return is_backoff_over(member, run.spec.run_policy.retries, now)


def _begin(member: MemberStatus) -> MemberStatus:
    return member.replace(
        state="Pending",
        attempt=member.attempt + 1,
        job_uid="",
        pod_uid="",
        next_attempt_time=None,
        peak_memory_bytes=0,
        used_cpu_seconds=0,
    )


def _stop_phase(phase: PhaseStatus, observed: Observed, now: datetime) -> PhaseStatus:
    return phase.replace(members=tuple(_stop(phase.name, member, observed, now) for member in phase.members))


def _stop(phase: str, member: MemberStatus, observed: Observed, now: datetime) -> MemberStatus:
    if not member.is_live:
        return member
    if observed.attempt(phase, member.name, member.attempt).occupies(now):
        return member.replace(state="Stopping")
    return member.replace(state="Waiting", next_attempt_time=None)


def _manifest(run: CollectiveRun, status: RunStatus, phase: PhaseStatus, member: MemberStatus) -> JSONObject:
    described = PHASE_BY_NAME[phase.name]
    work = next(found for found in members_of(run.spec, described) if found.name == member.name)
    inputs = {name: _references(run, status, name, work.seeds) for name in inputs_of(run.spec, described)}
    order = phase_order(run, status.storage_root, described, work, member.attempt, inputs)
    lessons = Lessons(member.avoided_node, member.memory_factor)
    return job_manifest(run, described, order, status.image, lessons)


def _references(run: CollectiveRun, status: RunStatus, name: str, seeds: tuple[int, ...]) -> list[JSONObject]:
    """URIs and digests of the artifacts that a phase published for these seeds."""
    members = members_of(run.spec, PHASE_BY_NAME[name])
    tasks = {member.name: member.tasks for member in members if set(member.seeds) & set(seeds)}
    return [
        {
            "member": member.name,
            "uri": absolute_uri(status.storage_root, member.uri),
            "manifestSha256": member.manifest_sha256,
            "tasks": task_documents(tasks[member.name]),
        }
        for member in status.phase(name).members
        if member.name in tasks
    ]
