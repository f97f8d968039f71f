"""What the members wait for that were begun and do not run, in words: a queue's, a quota's, a scheduler's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from collectiverun_operator.api import labels
from collectiverun_operator.api.outcome import Active, Holdup, QueuePosition
from collectiverun_operator.api.phases import PHASE_BY_NAME
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.status import MemberStatus, RunStatus
from collectiverun_operator.api.status_fields import MemberState
from collectiverun_operator.jobs.manifest import job_name
from collectiverun_operator.plan.observation import Observed, ObservedJob, ObservedPod

# How soon to look again for a reason that stays, and at one that is known.
UNEXPLAINED_SECONDS = 2.0
WAITING_SECONDS = 20.0

# Of so many different reasons each is told; more would fill the screen.
TOLD = 3
# A position counts as the same as long as it is about a fifth from the one that was told: when the head of a
# queue moves, not every run behind it is written again. So up to this one they are exact.
_LAST_EXACT_POSITION = 4
# What each Pod goes through, and what says nothing.
_PASSING = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True)
class Wait:
    """Why one member waits."""

    phase: str
    member: str
    attempt: int
    state: MemberState
    holdup: Holdup | None


def waits(run: CollectiveRun, status: RunStatus, observed: Observed) -> tuple[Wait, ...]:
    """Every member whose attempt is Queued or Pending."""
    return tuple(
        Wait(phase, member.name, member.attempt, member.state, _holdup(run, phase, member, observed))
        for phase, member in status.members()
        if member.state in ("Queued", "Pending")
    )


def look_again_seconds(run: CollectiveRun, status: RunStatus, observed: Observed) -> float | None:
    """When to look again at what no watch tells: why a Job is held, lacks a Pod or a volume. None: never."""
    found = waits(run, status, observed)
    if any(wait.state == "Queued" and (wait.holdup is None or wait.holdup.is_passing) for wait in found):
        return UNEXPLAINED_SECONDS
    pods = (observed.attempt(wait.phase, wait.member, wait.attempt).pod for wait in found)
    untold = (pod is None or _waiting(pod) in _PASSING for pod in pods)
    return WAITING_SECONDS if any(untold) else None


def holdup_sentence(found: tuple[Wait, ...]) -> str:
    """The different reasons, the most frequent first, such as `2 members: insufficient quota; …`."""
    counts = Counter(wait.holdup.message for wait in found if wait.holdup is not None)
    told = [text if len(found) == 1 else f"{_members(n)}: {text}" for text, n in counts.most_common(TOLD)]
    left = len(counts) - len(told)
    return "; ".join([*told, *([f"and {left} more reasons"] if left > 0 else [])])


def holdup_reason(found: tuple[Wait, ...], default: str) -> str:
    """The most frequent reason, as one word."""
    counts = Counter(wait.holdup.reason for wait in found if wait.holdup is not None and wait.holdup.reason)
    return counts.most_common(1)[0][0] if counts else default


def first_position(found: tuple[Wait, ...], told: int | None) -> QueuePosition | None:
    """Of the held Jobs the first's position, or the one that was `told` last if that is still about so."""
    positions = [wait.holdup.position for wait in found if wait.holdup and wait.holdup.position]
    first = min(positions, key=lambda position: position.number, default=None)
    if first is None or told is None:
        return first
    is_about_so = abs(first.number - told) <= min(first.number, told) // (_LAST_EXACT_POSITION + 1)
    return replace(first, number=told) if is_about_so else first


def position_sentence(position: QueuePosition | None) -> str:
    """Such as `position 2 in LocalQueue robots`; empty if it is not told."""
    if position is None:
        return ""
    about = "about " if position.number > _LAST_EXACT_POSITION else ""
    return f"{about}position {position.number} in LocalQueue {position.queue}"


def left_over(status: RunStatus, observed: Observed) -> str:
    """What nobody stops and an attempt waits for: a Pod whose Job is gone, or has no label of ours any more.

    The operator may delete no Pods, and this one may still publish.
    """
    pods = [
        f"member {member.name} waits for Pod {pod.name} of attempt {attempt.key.attempt}"
        for phase, member in status.members()
        if member.state == "Waiting"
        for attempt in observed.attempts_of(phase, member.name)
        for pod in attempt.pods
        if attempt.job is None and not pod.has_ended and not pod.is_terminating
    ]
    told = (
        f"{'; '.join(pods[:TOLD])}, which runs on without its Job: if it succeeds that counts, or delete it"
    )
    return told if pods else ""


def room_sentence(kept: Iterable[ObservedJob]) -> str:
    """Which Jobs that ended and are kept may go, because a quota counts them and refuses the next."""
    names = [job.name for job in kept]
    if not names:
        return ""
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    told = f"{', '.join(names[:TOLD])}{more}"
    return f"Jobs that ended and are kept count too, and may be deleted with their logs: {told}"


def stale_labels(
    run: CollectiveRun, status: RunStatus, observed: Observed
) -> Iterator[tuple[ObservedJob, Mapping[str, str]]]:
    """Held Jobs whose queue labels are not the run's, with the labels to set.

    Kueue takes a new queue or priority for a Job that waits, and refuses it for one that was admitted. A
    label that the run lost stays: a waiting Job without one would be admitted and never started.
    """
    wanted = {key: run.labels[key] for key in labels.KUEUE if key in run.labels}
    for phase, member in status.members():
        job = observed.attempt(phase, member.name, member.attempt).job
        if member.state == "Queued" and job is not None and job.is_held:
            changed = {key: value for key, value in wanted.items() if job.queue_labels.get(key) != value}
            if changed:
                yield job, changed


def _holdup(run: CollectiveRun, phase: str, member: MemberStatus, observed: Observed) -> Holdup | None:
    """What the cluster says of its Job, else what its Pod waits for."""
    told = observed.holdups.get(job_name(run, PHASE_BY_NAME[phase], member.name, member.attempt))
    if told is not None or member.state == "Queued":
        return told
    pod = observed.attempt(phase, member.name, member.attempt).pod
    waiting = _waiting(pod) if pod is not None else ""
    return None if not waiting or waiting in _PASSING else Holdup("", waiting)


def _waiting(pod: ObservedPod) -> str:
    return pod.outcome.waiting if isinstance(pod.outcome, Active) else ""


def _members(count: int) -> str:
    return f"{count} member{'' if count == 1 else 's'}"
