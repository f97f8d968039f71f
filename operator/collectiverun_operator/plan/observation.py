"""What is observed of a run: its attempts, their Jobs and Pods, typed and without conclusions.

`observing.py` reads it from Kubernetes' JSON. What a missing or second Pod means for a member depends on the
status too: see `attempts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from collectiverun_operator.api.outcome import Active, Holdup, Outcome, Progress, Succeeded


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
