"""How a member's last attempt stands: the status says what there was, the cluster shows what there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from collectiverun_operator.api.outcome import Active, Failed, Outcome, Succeeded
from collectiverun_operator.api.status import MemberStatus
from collectiverun_operator.jobs.uris import is_attempt_of
from collectiverun_operator.plan.observation import ObservedAttempt, ObservedJob


def classify_attempt(
    member: MemberStatus, attempt: ObservedAttempt, member_uri: str, now: datetime
) -> Outcome | None:
    """The outcome of a member's last attempt, or None if its Job is not created yet or still stops.

    A published artifact outranks everything, even a deletion.
    """
    ended = _ended(attempt, member_uri)
    if isinstance(ended, Succeeded):
        return ended
    if member.state == "Stopping":
        return None if attempt.occupies(now) else Failed("stopped", "Stopped")
    if _is_queued(member, attempt.job):
        return Active("Queued")
    if ended is not None:
        return ended
    if attempt.job is None:
        never_created = not member.job_uid and not attempt.pods
        return None if never_created else _vanished(attempt, "JobGone", "its Job was deleted")
    return _missing(member, attempt, attempt.job) or _active(attempt)


def _is_queued(member: MemberStatus, job: ObservedJob | None) -> bool:
    """Whether a queue has not given the attempt its place, or took it back: the same Job goes on later."""
    return job is not None and job.is_held and member.job_uid in ("", job.uid)


def _ended(attempt: ObservedAttempt, member_uri: str) -> Succeeded | Failed | None:
    """What the Pods that ended report: the first artifact, else the newest failure."""
    failed: Failed | None = None
    for pod in attempt.pods:
        if isinstance(pod.outcome, Succeeded):
            if is_attempt_of(pod.outcome.result.uri, member_uri):
                return pod.outcome
            failed = replace(_misplaced(pod.outcome.result.uri, member_uri), pod=pod.name, node=pod.node)
        elif isinstance(pod.outcome, Failed):
            failed = replace(pod.outcome, pod=pod.name, node=pod.node)
    return failed


def _misplaced(uri: str, member_uri: str) -> Failed:
    text = f"reported an artifact at {uri[:200]!r}, which is no attempt below {member_uri!r}"
    return Failed("application", "ResultMisplaced", text, 0)


def _missing(member: MemberStatus, attempt: ObservedAttempt, job: ObservedJob) -> Failed | None:
    """A Job or Pod that is gone or going. Not deleted by the operator, or the member would be Stopping."""
    if member.job_uid and job.uid != member.job_uid:
        return _vanished(attempt, "JobGone", "its Job was deleted and another created under its name")
    if job.is_terminating:
        return _vanished(attempt, "JobDeleted", "its Job is being deleted")
    for pod in attempt.pods:
        if pod.is_terminating:
            disruption = pod.outcome.disruption if isinstance(pod.outcome, Active) else ""
            return _vanished(attempt, disruption or "PodDeleted", "its Pod is being deleted")
    is_replaced = job.was_suspended and not job.is_finished  # the recorded Pod was evicted meanwhile
    if member.pod_uid and not is_replaced and member.pod_uid not in {pod.uid for pod in attempt.pods}:
        return _vanished(attempt, "PodGone", "its Pod is gone")
    if len(attempt.pods) > 1:
        return _vanished(attempt, "SecondPod", "a second Pod was created for it")
    if job.is_finished:
        return _vanished(attempt, "PodGone", "its Job ended and its Pod is gone, and the result with it")
    return None


def _vanished(attempt: ObservedAttempt, reason: str, message: str) -> Failed:
    pod = attempt.pod
    return Failed(
        "infrastructure", reason, message, pod=pod.name if pod else "", node=pod.node if pod else ""
    )


def _active(attempt: ObservedAttempt) -> Active:
    if attempt.pod is None:
        return Active("Pending")
    return attempt.pod.outcome if isinstance(attempt.pod.outcome, Active) else Active("Running")
