"""What has become of a member's attempt: the status remembers what was there, the cluster shows what is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from collectiverun_operator.api.pod_outcome import Active, Failed, Result, Stage, Succeeded
from collectiverun_operator.api.status_json import MemberStatus
from collectiverun_operator.jobs.uris import is_attempt_of
from collectiverun_operator.plan.observation import ObservedAttempt, ObservedJob, ObservedPod


@dataclass(frozen=True)
class NotCreated:
    """The attempt is recorded, its Job was not made yet: make it, under the same name."""


@dataclass(frozen=True)
class Going:
    """The attempt is under way."""

    stage: Stage
    job_uid: str
    pod: ObservedPod | None


@dataclass(frozen=True)
class Won:
    """The attempt published its artifact."""

    result: Result


@dataclass(frozen=True)
class StillStopping:
    """We stop the attempt, and it has not stopped yet."""


@dataclass(frozen=True)
class Lost:
    """The attempt is over without an artifact."""

    failure: Failed
    pod: ObservedPod | None = None


Verdict = NotCreated | Going | Won | StillStopping | Lost


def judge(member: MemberStatus, seen: ObservedAttempt, member_uri: str, now: datetime) -> Verdict:
    """The verdict on a member's last attempt. An artifact outranks everything, even a deletion."""
    ended = _ended(seen, member_uri)
    if isinstance(ended, Won):
        return ended
    if member.state == "Stopping":
        return StillStopping() if seen.occupies(now) else Lost(Failed("stopped", "Stopped"))
    if ended is not None:
        return ended
    if seen.job is None:
        return _without_job(member, seen)
    return _missing(member, seen, seen.job) or _going(seen, seen.job)


def _ended(seen: ObservedAttempt, member_uri: str) -> Won | Lost | None:
    """What the Pods that ended say; the first artifact counts, else the newest failure."""
    lost: Lost | None = None
    for pod in seen.pods:
        if isinstance(pod.outcome, Succeeded):
            if is_attempt_of(pod.outcome.result.uri, member_uri):
                return Won(pod.outcome.result)
            lost = Lost(_misplaced(pod.outcome.result.uri, member_uri), pod)
        elif isinstance(pod.outcome, Failed):
            lost = Lost(pod.outcome, pod)
    return lost


def _misplaced(uri: str, member_uri: str) -> Failed:
    text = f"reported an artifact at {uri[:200]!r}, which is no attempt below {member_uri!r}"
    return Failed("application", "ResultMisplaced", text, 0)


def _without_job(member: MemberStatus, seen: ObservedAttempt) -> NotCreated | Lost:
    if not member.job_uid and not seen.pods:
        return NotCreated()
    return _vanished("JobGone", "its Job was deleted", seen)


def _missing(member: MemberStatus, seen: ObservedAttempt, job: ObservedJob) -> Lost | None:
    """What is not there that should be, or no longer: never by us, or the member were Stopping."""
    if member.job_uid and job.uid != member.job_uid:
        return _vanished("JobGone", "its Job was deleted and another made under its name", seen)
    if job.is_terminating:
        return _vanished("JobDeleted", "its Job is being deleted", seen)
    for pod in seen.pods:
        if pod.is_terminating:
            disruption = pod.outcome.disruption if isinstance(pod.outcome, Active) else ""
            return _vanished(disruption or "PodDeleted", "its Pod is being deleted", seen)
    if member.pod_uid and member.pod_uid not in {pod.uid for pod in seen.pods}:
        return _vanished("PodGone", "its Pod is gone", seen)
    if len(seen.pods) > 1:
        return _vanished("SecondPod", "a second Pod was made for it", seen)
    if job.is_finished:
        return _vanished("PodGone", "its Job ended and its Pod is gone, and the result with it", seen)
    return None


def _vanished(reason: str, message: str, seen: ObservedAttempt) -> Lost:
    return Lost(Failed("infrastructure", reason, message), seen.pods[0] if seen.pods else None)


def _going(seen: ObservedAttempt, job: ObservedJob) -> Going:
    pod = seen.pods[0] if seen.pods else None
    if pod is None:
        return Going("Queued" if job.is_held else "Pending", job.uid, None)
    stage = pod.outcome.stage if isinstance(pod.outcome, Active) else "Running"
    return Going(stage, job.uid, pod)
