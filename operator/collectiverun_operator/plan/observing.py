"""Jobs and Pods (Kubernetes JSON) → Observed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from collectiverun_operator.api import labels
from collectiverun_operator.api.outcome import Holdup, Progress, Succeeded
from collectiverun_operator.api.pod_outcome import (
    is_finished,
    pod_outcome,
    trainer_finish_time,
    trainer_start_time,
)
from collectiverun_operator.formatting import parse_time
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.observation import (
    AttemptKey,
    Observed,
    ObservedAttempt,
    ObservedJob,
    ObservedPod,
)

# A Pod that still terminates this long after its grace period is on a lost node: it counts as gone.
LOST_AFTER_SECONDS = 60
# Beyond the grace period, for sidecars that end by themselves once the trainer has.
SIDECAR_SECONDS = 15


def observe(
    jobs: Iterable[JSONObject],
    pods: Iterable[JSONObject],
    progress: Mapping[str, Progress] | None = None,
    holdups: Mapping[str, Holdup] | None = None,
) -> Observed:
    """The attempts in a run's Jobs and Pods (Kubernetes JSON); progress and holdups are by Job name.

    A Job or Pod without this project's labels is not the run's and is ignored.
    """
    by_key: dict[AttemptKey, tuple[list[JSONObject], list[JSONObject]]] = {}
    for kind, documents in enumerate((jobs, pods)):
        for document in documents:
            key = _key(document)
            if key is not None:
                by_key.setdefault(key, ([], []))[kind].append(document)
    attempts = {key: _attempt(key, *found, progress or {}) for key, found in sorted(by_key.items())}
    return Observed(attempts, holdups or {})


def _attempt(
    key: AttemptKey,
    jobs: Sequence[JSONObject],
    pods: Sequence[JSONObject],
    progress: Mapping[str, Progress],
) -> ObservedAttempt:
    job = _job(jobs[0]) if jobs else None
    ordered = sorted(map(_pod, pods), key=lambda pod: (str(pod.creation_time), pod.uid))
    current = tuple(pod for pod in ordered if not _is_evicted(pod, job))
    evicted = tuple(pod for pod in ordered if pod not in current)
    return ObservedAttempt(key, job, current, progress.get(job.name) if job else None, evicted)


def _is_evicted(pod: ObservedPod, job: ObservedJob | None) -> bool:
    """Whether a Pod is left from before its Job was suspended: then its end is no failure.

    Suspending a Job deletes its Pods and takes its startTime; resuming gives it a new one. The times alone do
    not tell: a controller that has to write startTime twice gives one that is later than the new Pod.
    """
    if job is None or not job.was_suspended or isinstance(pod.outcome, Succeeded):
        return False
    if job.is_held or job.start_time is None or pod.creation_time is None:
        return True
    return pod.is_terminating and pod.creation_time < job.start_time


def _key(document: JSONObject) -> AttemptKey | None:
    found_labels = document.get("metadata", {}).get("labels") or {}
    attempt = str(found_labels.get(labels.ATTEMPT, ""))
    if labels.PHASE not in found_labels or labels.MEMBER not in found_labels or not attempt.isdecimal():
        return None
    return AttemptKey(found_labels[labels.PHASE], found_labels[labels.MEMBER], int(attempt))


def _job(job: JSONObject) -> ObservedJob:
    metadata, spec, status = job["metadata"], job.get("spec", {}), job.get("status", {})
    grace = spec.get("template", {}).get("spec", {}).get("terminationGracePeriodSeconds")
    is_suspended = bool(spec.get("suspend", False))
    return ObservedJob(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        is_suspended=is_suspended,
        was_suspended=is_suspended or any(c["type"] == "Suspended" for c in status.get("conditions") or []),
        is_finished=is_finished(job),
        start_time=parse_time(status.get("startTime")),
        gone_time=_gone_time(metadata, grace),
        queue_labels={k: v for k, v in (metadata.get("labels") or {}).items() if k in labels.KUEUE},
    )


def _pod(pod: JSONObject) -> ObservedPod:
    metadata = pod["metadata"]
    return ObservedPod(
        uid=metadata.get("uid", ""),
        name=metadata.get("name", ""),
        node=pod.get("spec", {}).get("nodeName") or "",
        outcome=pod_outcome(pod),
        creation_time=parse_time(metadata.get("creationTimestamp")),
        gone_time=_gone_time(metadata, 0),  # a Pod's deletionTimestamp includes its grace period
        release_time=_release_time(pod),
        start_time=trainer_start_time(pod),
        finish_time=trainer_finish_time(pod),
    )


def _release_time(pod: JSONObject) -> datetime | None:
    """When to stop waiting for containers that run on after the trainer, such as a proxy or a log shipper.

    The kubelet itself stops those that are declared as sidecars, and gives them the grace period.
    """
    finished = trainer_finish_time(pod)
    if finished is None or pod.get("status", {}).get("phase") != "Running":
        return None
    grace = pod.get("spec", {}).get("terminationGracePeriodSeconds") or 0
    return finished + timedelta(seconds=grace + SIDECAR_SECONDS)


def _gone_time(metadata: JSONObject, grace_seconds: int | None) -> datetime | None:
    deleted = parse_time(metadata.get("deletionTimestamp"))
    if deleted is None:
        return None
    return deleted + timedelta(seconds=(grace_seconds or 0) + LOST_AFTER_SECONDS)
