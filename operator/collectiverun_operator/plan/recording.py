"""What the cluster shows, entered in the status: results, failures, stages. It starts and stops nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectiverun_operator.api.phases import SINGLE_MEMBER
from collectiverun_operator.api.pod_outcome import MESSAGE_LIMIT, Active, Failed, Result
from collectiverun_operator.api.spec import RunPolicy
from collectiverun_operator.api.status_json import (
    NOTE_LIMIT,
    LastFailure,
    MemberStatus,
    PhaseStatus,
    Rates,
    RunStatus,
)
from collectiverun_operator.jobs.uris import member_uri, relative_uri
from collectiverun_operator.plan import deadlines
from collectiverun_operator.plan.attempts import Going, Lost, Won, judge
from collectiverun_operator.plan.observation import Observed, ObservedPod
from collectiverun_operator.plan.progress import with_progress
from collectiverun_operator.plan.retries import after_failure

JSONObject = Mapping[str, Any]


@dataclass(frozen=True)
class Scene:
    """What a plan is made from, beside the status."""

    policy: RunPolicy
    root: str
    observed: Observed
    now: datetime


def advance(status: RunStatus, scene: Scene) -> RunStatus:
    """The status after everything that happened since it was written."""
    failures: list[LastFailure] = []
    phases = tuple(_advance_phase(phase, scene, failures) for phase in status.phases)
    changed = status.but(phases=phases)
    return changed.but(last_failure=_most_telling(failures, changed) or status.last_failure)


def _most_telling(failures: list[LastFailure], status: RunStatus) -> LastFailure | None:
    """Of failures seen at once the one that fails the run, else the last."""
    final = {(phase, member.name) for phase, member in status.members() if member.state == "Failed"}
    ranked = sorted(failures, key=lambda failure: (failure.phase, failure.member) in final)
    return ranked[-1] if ranked else None


def _advance_phase(phase: PhaseStatus, scene: Scene, failures: list[LastFailure]) -> PhaseStatus:
    members = tuple(_advance_member(phase.name, member, scene, failures) for member in phase.members)
    return phase.but(members=members)


def _advance_member(
    phase: str, member: MemberStatus, scene: Scene, failures: list[LastFailure]
) -> MemberStatus:
    if member.state in ("Succeeded", "Failed"):
        return member
    if member.state == "Waiting":
        member = _with_newest_attempt(phase, member, scene.observed)
    seen = scene.observed.attempt(phase, member.name, member.attempt)
    verdict = judge(member, seen, member_uri(scene.root, phase, member.name), scene.now)
    if isinstance(verdict, Won):
        return _succeeded(member, verdict.result, scene.root)
    if not member.is_live:
        return member  # the attempt is over already; only a late artifact would be news
    if isinstance(verdict, Going):
        verdict = _late(verdict, scene) or verdict
    if isinstance(verdict, Lost):
        return _lost(phase, member, verdict, scene, failures)
    return _going(member, verdict, seen.progress) if isinstance(verdict, Going) else member


def _with_newest_attempt(phase: str, member: MemberStatus, observed: Observed) -> MemberStatus:
    """A status that was lost or restored may know less than the cluster: numbers never go back."""
    numbers = (seen.key.attempt for seen in observed.attempts_of(phase, member.name))
    return member.but(attempt=max([member.attempt, *numbers]))


def _succeeded(member: MemberStatus, result: Result, root: str) -> MemberStatus:
    return member.but(
        state="Succeeded",
        job_uid="",  # its Job is no longer needed, and 64 members have to fit
        next_attempt_time=None,
        uri=relative_uri(root, result.uri),
        manifest_sha256=result.manifest_sha256,
        env_steps=result.env_steps,
        success=Rates.of(result.success),
        experts=Rates.of(result.experts),
        students=Rates.of(result.students),
        # A phase of many members has no room for sentences: the manifest keeps them.
        note=result.note[:NOTE_LIMIT] if member.name == SINGLE_MEMBER else "",
    )


def _going(member: MemberStatus, verdict: Going, progress: JSONObject) -> MemberStatus:
    pod_uid = verdict.pod.uid if verdict.pod is not None else ""
    known = member.but(state=verdict.stage, job_uid=verdict.job_uid, pod_uid=pod_uid)
    return with_progress(known, progress)


def _late(going: Going, scene: Scene) -> Lost | None:
    """A Pod that has not started by its deadline."""
    if going.pod is None or going.stage != "Pending":
        return None
    deadline = deadlines.pending_deadline(scene.policy, going.pod.creation_time)
    if deadline is None or scene.now < deadline:
        return None
    waiting = going.pod.outcome.waiting if isinstance(going.pod.outcome, Active) else ""
    limit = f"its Pod did not start within pendingDeadlineSeconds {scene.policy.pending_deadline_seconds}"
    message = f"{limit}: {waiting}" if waiting else limit
    return Lost(Failed("deadline", deadlines.PENDING, message[:MESSAGE_LIMIT]), going.pod)


def _lost(
    phase: str, member: MemberStatus, lost: Lost, scene: Scene, failures: list[LastFailure]
) -> MemberStatus:
    failure = lost.failure
    if failure.kind != "stopped":
        failures.append(_last_failure(phase, member, failure, lost.pod, scene.now))
    return after_failure(member, failure.kind, scene.policy.retries, scene.now)


def _last_failure(
    phase: str, member: MemberStatus, failure: Failed, pod: ObservedPod | None, now: datetime
) -> LastFailure:
    return LastFailure(
        phase=phase,
        member=member.name,
        attempt=member.attempt,
        kind=failure.kind,
        reason=failure.reason,
        exit_code=failure.exit_code,
        node=pod.node if pod else "",
        pod=pod.name if pod else "",
        message=failure.message,
        time=now,
    )
