"""Members that run and do not get on: since when or why, and what is done about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from collectiverun_operator.api.outcome import Active, Failed
from collectiverun_operator.api.spec import RunPolicy
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.formatting import format_time
from collectiverun_operator.plan.observation import Observed, ObservedAttempt
from collectiverun_operator.plan.waiting import TOLD

STALLED = "Stalled"
RETRYING = "Retrying"


def stall_time(policy: RunPolicy, attempt: ObservedAttempt) -> datetime | None:
    """When a running attempt counts as stalled if nothing changes; None if it can't, or nothing is known.

    What its log says counts, and a log that can't be read says nothing against it.
    """
    since = attempt.progress.since if attempt.progress is not None else None
    is_running = attempt.pod is not None and attempt.pod.outcome == Active("Running")
    if policy.stall_seconds is None or since is None or not is_running:
        return None
    return since + timedelta(seconds=policy.stall_seconds)


def stalled(policy: RunPolicy, status: RunStatus, observed: Observed, now: datetime) -> Iterator[str]:
    """A sentence for each running member that makes no progress. The same as long as it stays so."""
    for phase, member in status.members():
        attempt = observed.attempt(phase, member.name, member.attempt)
        if member.state == "Running" and is_stalled(policy, attempt, now) and attempt.progress is not None:
            since = format_time(attempt.progress.since) if attempt.progress.since else ""
            yield f"member {member.name} has made no progress since {since}"


def retrying(status: RunStatus, observed: Observed) -> Iterator[str]:
    """What running members wait for and try again, such as storage: the first few, a sentence each."""
    found = []
    for phase, member in status.members():
        progress = observed.attempt(phase, member.name, member.attempt).progress
        if member.state == "Running" and progress is not None and progress.retrying:
            found.append(f"member {member.name} waits: {progress.retrying}")
    yield from found[:TOLD]
    if len(found) > TOLD:
        yield f"and {len(found) - TOLD} more members wait"


def is_stalled(policy: RunPolicy, attempt: ObservedAttempt, now: datetime) -> bool:
    """Whether a running attempt has made no progress for `runPolicy.stallSeconds`."""
    moment = stall_time(policy, attempt)
    return moment is not None and moment <= now


def stall_failure(policy: RunPolicy, attempt: ObservedAttempt, now: datetime) -> Failed | None:
    """The failure of a stalled attempt, if that is how the run wants it."""
    if policy.stall_action != "Retry" or not is_stalled(policy, attempt, now):
        return None
    pod = attempt.pod
    text = f"it made no progress within stallSeconds {policy.stall_seconds}, and is stopped"
    return Failed("infrastructure", STALLED, text, pod=pod.name if pod else "", node=pod.node if pod else "")
