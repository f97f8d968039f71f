"""How an attempt stands or ended: the one vocabulary of Pods, of the plan and of what a status records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

Stage = Literal["Queued", "Pending", "Running"]
# application and infrastructure have a retry budget each; fatal and deadline have none; stopped is free.
FailureKind = Literal["application", "infrastructure", "fatal", "deadline", "stopped"]

RetryBudget = Literal["infrastructure", "application"]
RETRY_BUDGETS: tuple[RetryBudget, ...] = get_args(RetryBudget)

MESSAGE_LIMIT = 1024


@dataclass(frozen=True)
class Success:
    """Success rates over episodes: at any env step, and at the last one."""

    any_step: float
    at_end: float


@dataclass(frozen=True)
class Result:
    """The phase result a Pod reported: the artifact it published, env steps taken, success rates, memory."""

    uri: str
    manifest_sha256: str
    env_steps: int = 0
    success: Success | None = None
    experts: Success | None = None
    students: Success | None = None
    peak_memory_bytes: int = 0
    cpu_seconds: int = 0
    note: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a running member is. None: its progress line does not say.

    `peak_memory_bytes`, `cpu_seconds`: what its process has needed, 0 where it does not say.
    `since`: when it got there, as far as anybody has looked. `retrying`: what failed and is tried again now,
    such as a write to storage, in the trainer's words; empty while it works.
    """

    env_steps: int = 0
    total_env_steps: int | None = None
    env_steps_per_second: float | None = None
    fraction: float | None = None
    eta_seconds: float | None = None
    success: Success | None = None
    activity: str = ""
    peak_memory_bytes: int = 0
    cpu_seconds: int = 0
    since: datetime | None = None
    retrying: str = ""

    @property
    def is_silent(self) -> bool:
        """Whether it was not said yet how far it is."""
        return replace(self, since=None, retrying="") == Progress()

    def after(self, previous: Progress | None, now: datetime) -> Progress:
        """This progress as heard at `now`, `since` an earlier time if it is where `previous` was."""
        if previous is not None and previous._position == self._position:
            return replace(self, since=previous.since)
        return replace(self, since=now)

    @property
    def _position(self) -> tuple[object, ...]:
        return self.env_steps, self.fraction, self.activity


# Reasons of a holdup that people have to hear of: nothing moves until somebody acts.
JOB_REFUSED = "JobRefused"
POD_REFUSED = "PodRefused"
REFUSALS = (JOB_REFUSED, POD_REFUSED)


@dataclass(frozen=True)
class QueuePosition:
    """A place among all that waits in a LocalQueue; number 1 is the next."""

    number: int
    queue: str


@dataclass(frozen=True)
class Holdup:
    """Why an attempt that was begun has no Pod, in the words of whoever holds it up: queue, quota or webhook.

    `reason` is one CamelCase word. `eviction`: why the queue took its place back, if it did. `position`: its
    place in the queue, if that is told. `is_passing`: whoever holds it up is about to say something else.
    """

    reason: str
    message: str
    eviction: str = ""
    position: QueuePosition | None = None
    is_passing: bool = False


@dataclass(frozen=True)
class Active:
    """Not ended. `waiting`: why its container has not started. `disruption`: why the cluster removes it."""

    stage: Stage
    waiting: str = ""
    disruption: str = ""


@dataclass(frozen=True)
class Succeeded:
    """Ended with exit code 0 and a result."""

    result: Result


@dataclass(frozen=True)
class Failed:
    """Ended without a result, and why. `pod` and `node`: where it ran, empty if no Pod is known."""

    kind: FailureKind
    reason: str
    message: str = ""
    exit_code: int | None = None
    pod: str = ""
    node: str = ""


Outcome = Active | Succeeded | Failed
