"""Jobs and Pods → Observed: what there is of each attempt, typed. Pure, and without conclusions.

What a missing or second Pod means for a member depends on the status too: see `attempts.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collectiverun_operator.api import labels
from collectiverun_operator.api.outcome import Active, Holdup, Outcome, Progress, Succeeded
from collectiverun_operator.api.pod_outcome import (
    is_finished,
    pod_outcome,
    trainer_finish_time,
    trainer_start_time,
)
from collectiverun_operator.formatting import parse_time
from collectiverun_operator.json_types import JSONObject

# A Pod that still terminates this long after its grace period is on a lost node: it counts as gone.
LOST_AFTER_SECONDS = 60
# Beyond the grace period, for sidecars that end by themselves once the trainer has.
SIDECAR_SECONDS = 15


@dataclass(frozen=True, order=True)
class AttemptKey:
    """Which attempt of which member of which phase."""

    phase: str
    member: str
    attempt: int


@dataclass(frozen=True)
class ObservedPod:
    """One Pod. `gone_time`: when it counts as gone because it is terminating; None while it is not.

    `release_time`: when its Job is deleted because its other containers run on after the trainer.
    `start_time`, `finish_time`: of the trainer.
    """

    uid: str
    name: str
    node: str
    outcome: Outcome
    creation_time: datetime | None
    gone_time: datetime | None
    release_time: datetime | None = None
    start_time: datetime | None = None
    finish_time: datetime | None = None

    @property
    def is_terminating(self) -> bool:
        """Whether it is being deleted."""
        return self.gone_time is not None

    @property
    def has_ended(self) -> bool:
        """Whether its container has ended."""
        return not isinstance(self.outcome, Active)

    @property
    def has_started(self) -> bool:
        """Whether its container runs or ran."""
        return not isinstance(self.outcome, Active) or self.outcome.stage == "Running"

    def occupies(self, now: datetime) -> bool:
        """Whether it may still write something."""
        return not self.has_ended and (self.gone_time is None or now < self.gone_time)


@dataclass(frozen=True)
class ObservedJob:
    """One Job. `is_finished`: it is Complete or Failed.

    `is_suspended`: now. `was_suspended`: now or ever. `start_time`: when it was started or resumed last.
    `queue_labels`: those of Kueue.
    """

    name: str
    uid: str
    is_suspended: bool
    was_suspended: bool
    is_finished: bool
    start_time: datetime | None
    gone_time: datetime | None
    queue_labels: Mapping[str, str]

    @property
    def is_terminating(self) -> bool:
        """Whether it is being deleted."""
        return self.gone_time is not None

    @property
    def is_held(self) -> bool:
        """Whether whoever suspended it, which is Kueue as a rule, may let it go (on)."""
        return self.is_suspended and not self.is_finished and not self.is_terminating


@dataclass(frozen=True)
class ObservedAttempt:
    """What there is of one attempt: its Job, if it is still there, and its Pods, oldest first.

    A queue may take a Job's place back and give it another: `evicted_pods` are left from before.
    """

    key: AttemptKey
    job: ObservedJob | None = None
    pods: tuple[ObservedPod, ...] = ()
    progress: Progress | None = None
    evicted_pods: tuple[ObservedPod, ...] = ()

    @property
    def pod(self) -> ObservedPod | None:
        """Its oldest Pod."""
        return self.pods[0] if self.pods else None

    def finish_time(self, pod_uid: str) -> datetime | None:
        """When the trainer of one of its Pods ended; None while it has not, or if the Pod is gone."""
        pods = (*self.pods, *self.evicted_pods)
        return next((pod.finish_time for pod in pods if pod.uid == pod_uid), None)

    @property
    def startable_time(self) -> datetime | None:
        """Since when nothing but the cluster keeps it from running: its Pod's creation, else its Job's start.

        A Job has no startTime while a queue holds it, so the time in a queue never counts.
        """
        if self.pod is not None:
            return self.pod.creation_time
        return self.job.start_time if self.job is not None else None

    @property
    def is_over(self) -> bool:
        """Whether it ended by itself, so that nothing has to be deleted."""
        if self.job is not None and self.job.is_finished:
            return True
        return bool(self.pods) and all(pod.has_ended and not pod.is_terminating for pod in self.pods)

    def is_doubtful(self, pod_uid: str) -> bool:
        """Whether a Pod that ends or goes may be an eviction, and the Job that says so not read yet.

        Kueue suspends a Job before its Pod is deleted, but Jobs and Pods are watched apart. `pod_uid`: of the
        Pod that was recorded; empty if none was.
        """
        job = self.job
        if job is None or job.is_suspended or job.is_finished or job.is_terminating:
            return False
        if pod_uid and pod_uid not in {pod.uid for pod in self.pods}:
            return True
        return any(pod.is_terminating or not isinstance(pod.outcome, Active | Succeeded) for pod in self.pods)

    def is_kept_up(self, now: datetime) -> bool:
        """Whether containers beside the trainer keep a Pod running that has nothing to do any more."""
        return any(pod.release_time is not None and pod.release_time <= now for pod in self.pods)

    def occupies(self, now: datetime) -> bool:
        """Whether the next attempt of the member has to wait for it.

        An ended Pod is not enough: until the Job is finished its controller may create another.
        """
        if any(pod.occupies(now) for pod in (*self.pods, *self.evicted_pods)):
            return True
        if self.job is None or self.job.is_finished:
            return False
        return self.job.gone_time is None or now < self.job.gone_time


@dataclass(frozen=True)
class Observed:
    """Everything of one run that there is in the cluster. `holdups`: what holds up a Job, by its name."""

    attempts: Mapping[AttemptKey, ObservedAttempt] = field(default_factory=dict)
    holdups: Mapping[str, Holdup] = field(default_factory=dict)

    def attempt(self, phase: str, member: str, attempt: int) -> ObservedAttempt:
        """One attempt; an empty one if nothing of it is there."""
        key = AttemptKey(phase, member, attempt)
        return self.attempts.get(key, ObservedAttempt(key))

    def attempts_of(self, phase: str, member: str) -> tuple[ObservedAttempt, ...]:
        """Every attempt of a member of which something is there, oldest first."""
        keys = (key for key in self.attempts if (key.phase, key.member) == (phase, member))
        return tuple(self.attempts[key] for key in sorted(keys))


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

    Suspending a Job takes its startTime, and resuming gives it a new one.
    """
    if job is None or not job.was_suspended or isinstance(pod.outcome, Succeeded):
        return False
    if job.is_held or job.start_time is None or pod.creation_time is None:
        return True
    return pod.creation_time < job.start_time


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
