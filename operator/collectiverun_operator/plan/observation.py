"""Jobs and Pods → Observed: what there is, told in this project's words. Pure, and it judges nothing.

What it means for a member that a Pod is gone or a second one appeared, only the status can tell
(`judgement.py`): here stands what can be seen in the cluster alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collectiverun_operator.api import labels
from collectiverun_operator.api.outcome import Active, Outcome, Progress
from collectiverun_operator.api.pod_outcome import is_finished, pod_outcome
from collectiverun_operator.formatting import parse_time
from collectiverun_operator.json_types import JSONObject

# A Pod still terminating this long after its grace period is on a lost node: it counts as gone.
LOST_AFTER_SECONDS = 60


@dataclass(frozen=True, order=True)
class AttemptKey:
    """Which attempt of which member of which phase."""

    phase: str
    member: str
    attempt: int


@dataclass(frozen=True)
class ObservedPod:
    """One Pod. `gone_time`: when it counts as gone because it is terminating; None while it is not."""

    uid: str
    name: str
    node: str
    outcome: Outcome
    creation_time: datetime | None
    gone_time: datetime | None

    @property
    def is_terminating(self) -> bool:
        """Whether somebody deleted it."""
        return self.gone_time is not None

    @property
    def has_ended(self) -> bool:
        """Whether its container will do nothing more."""
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
    """One Job. `is_held`: Kueue keeps it suspended. `is_finished`: it is called Complete or Failed."""

    name: str
    uid: str
    is_held: bool
    is_finished: bool
    gone_time: datetime | None

    @property
    def is_terminating(self) -> bool:
        """Whether somebody deleted it."""
        return self.gone_time is not None


@dataclass(frozen=True)
class ObservedAttempt:
    """What there is of one attempt: its Job, if it is still there, and its Pods, oldest first."""

    key: AttemptKey
    job: ObservedJob | None = None
    pods: tuple[ObservedPod, ...] = ()
    progress: Progress | None = None

    @property
    def pod(self) -> ObservedPod | None:
        """Its oldest Pod."""
        return self.pods[0] if self.pods else None

    @property
    def is_over(self) -> bool:
        """Whether it ended by itself, so that nothing has to be deleted."""
        if self.job is not None and self.job.is_finished:
            return True
        return bool(self.pods) and all(pod.has_ended and not pod.is_terminating for pod in self.pods)

    def occupies(self, now: datetime) -> bool:
        """Whether the next attempt of the member has to wait for it.

        An ended Pod is not enough: until its controller calls the Job finished it may make another one.
        """
        if any(pod.occupies(now) for pod in self.pods):
            return True
        if self.job is None or self.job.is_finished:
            return False
        return self.job.gone_time is None or now < self.job.gone_time


@dataclass(frozen=True)
class Observed:
    """Everything of one run that there is in the cluster."""

    attempts: Mapping[AttemptKey, ObservedAttempt] = field(default_factory=dict)

    def attempt(self, phase: str, member: str, attempt: int) -> ObservedAttempt:
        """One attempt; an empty one if nothing of it is there."""
        key = AttemptKey(phase, member, attempt)
        return self.attempts.get(key, ObservedAttempt(key))

    def attempts_of(self, phase: str, member: str) -> tuple[ObservedAttempt, ...]:
        """Every attempt of a member of which something is there, oldest first."""
        found = (key for key in self.attempts if (key.phase, key.member) == (phase, member))
        return tuple(self.attempts[key] for key in sorted(found))


def observe(
    jobs: Iterable[JSONObject], pods: Iterable[JSONObject], progress: Mapping[str, Progress] | None = None
) -> Observed:
    """What a run's Jobs and Pods (Kubernetes JSON) and progress lines (by Job name) say.

    A Job or Pod without this project's labels is somebody else's and left out.
    """
    by_key: dict[AttemptKey, tuple[list[JSONObject], list[JSONObject]]] = {}
    for kind, documents in enumerate((jobs, pods)):
        for document in documents:
            key = _key(document)
            if key is not None:
                by_key.setdefault(key, ([], []))[kind].append(document)
    return Observed({key: _attempt(key, *found, progress or {}) for key, found in sorted(by_key.items())})


def _attempt(
    key: AttemptKey,
    jobs: Sequence[JSONObject],
    pods: Sequence[JSONObject],
    progress: Mapping[str, Progress],
) -> ObservedAttempt:
    job = _job(jobs[0]) if jobs else None
    found = sorted(map(_pod, pods), key=lambda pod: (str(pod.creation_time), pod.uid))
    return ObservedAttempt(key, job, tuple(found), progress.get(job.name) if job else None)


def _key(document: JSONObject) -> AttemptKey | None:
    found = document.get("metadata", {}).get("labels") or {}
    attempt = str(found.get(labels.ATTEMPT, ""))
    if labels.PHASE not in found or labels.MEMBER not in found or not attempt.isdecimal():
        return None
    return AttemptKey(found[labels.PHASE], found[labels.MEMBER], int(attempt))


def _job(job: JSONObject) -> ObservedJob:
    grace = job.get("spec", {}).get("template", {}).get("spec", {}).get("terminationGracePeriodSeconds")
    return ObservedJob(
        name=job["metadata"]["name"],
        uid=job["metadata"].get("uid", ""),
        is_held=bool(job.get("spec", {}).get("suspend", False)),
        is_finished=is_finished(job),
        gone_time=_gone_time(job["metadata"], grace),
    )


def _pod(pod: JSONObject) -> ObservedPod:
    metadata = pod["metadata"]
    return ObservedPod(
        uid=metadata.get("uid", ""),
        name=metadata.get("name", ""),
        node=pod.get("spec", {}).get("nodeName") or "",
        outcome=pod_outcome(pod),
        creation_time=parse_time(metadata.get("creationTimestamp")),
        gone_time=_gone_time(metadata, 0),  # its deletionTimestamp is when its grace is over
    )


def _gone_time(metadata: JSONObject, grace_seconds: int | None) -> datetime | None:
    deleted = parse_time(metadata.get("deletionTimestamp"))
    if deleted is None:
        return None
    return deleted + timedelta(seconds=(grace_seconds or 0) + LOST_AFTER_SECONDS)
