"""The run's journal on this machine: append-only JSON lines that show afterwards what ran when.

Every line is on disk before what it announces happens: a process starts only after its `podStarted` line, a
member's next process only after the previous one's `podEnded`. `violations` checks the journal.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Event = dict[str, Any]
DAMAGED = "damaged"
_POD = {"phase": str, "member": str, "podUid": str}
_TIME = (int, float)
# Of the events that are read again: their fields.
_KINDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "podStarted": {**_POD},
    "podEnded": {
        **_POD,
        "exitCode": int,
        "startedTime": (*_TIME, type(None)),
        "endedTime": _TIME,
        "cpuSeconds": _TIME,
    },
}


class Journal:
    """Appends events to `history.jsonl`; each is synchronised to disk before `append` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._drop_torn_line()

    def append(self, event: str, **fields: Any) -> Event:
        """Write one event with the present time (Unix seconds) and return it."""
        line: Event = {"time": time.time(), "event": event, **fields}
        try:
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self._drop_torn_line()  # a full disk took a part of it, which would spoil the next line
            raise
        return line

    def events(self) -> list[Event]:
        """All events so far, oldest first."""
        return read_journal(self._path)

    def _drop_torn_line(self) -> None:
        """Drop a line that a kill or a full disk cut off: what it announced did not happen."""
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.truncate(self._path, whole)


def read_journal(path: Path) -> list[Event]:
    """The events of a `history.jsonl`, oldest first; a last line that was cut off is ignored.

    A line that is damaged is an event of its own, `damaged`: it hides no other, and proves nothing.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [_event(number, line) for number, line in enumerate(lines, 1)]


def _event(number: int, line: bytes) -> Event:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if _is_whole(event) else {"event": DAMAGED, "line": number}


def _is_whole(event: object) -> bool:
    """Whether it says all that is read of its kind."""
    if not isinstance(event, dict):
        return False
    kinds = _KINDS.get(str(event.get("event")), {})
    return "event" in event and all(isinstance(event.get(name), kind) for name, kind in kinds.items())


def violations(events: Iterable[Event]) -> list[str]:
    """A sentence for every member that ran in two live attempts at once or was committed twice.

    And for every line that is damaged, so that nothing is called proven that is not.

    A later attempt may report the commit of an earlier one again: the same artifact is no second commit.
    """
    sentences: list[str] = []
    live: dict[tuple[str, str], str] = {}
    commits: dict[tuple[str, str], tuple[str, str]] = {}
    for event in events:
        if event["event"] == DAMAGED:
            sentences.append(f"line {event['line']} of the journal is damaged, and what it said is not known")
        if event["event"] not in ("podStarted", "podEnded"):
            continue
        member = (event["phase"], event["member"])
        if event["event"] == "podStarted":
            sentences += _overlap(member, live, event)
            live[member] = event["podUid"]
            continue
        if live.get(member) == event["podUid"]:
            del live[member]
        sentences += _second_commit(member, commits, event)
    return sentences


def _overlap(member: tuple[str, str], live: dict[tuple[str, str], str], event: Event) -> list[str]:
    if member not in live:
        return []
    return [f"{'/'.join(member)}: Pod {event['podUid']} started while Pod {live[member]} was alive"]


def _second_commit(
    member: tuple[str, str], commits: dict[tuple[str, str], tuple[str, str]], event: Event
) -> list[str]:
    if event["exitCode"] != 0 or not event.get("uri"):
        return []
    commit = (event["uri"], event.get("manifestSha256") or "")
    first = commits.setdefault(member, commit)
    return [] if first == commit else [f"{'/'.join(member)}: committed {first} and {commit}"]


@dataclass(frozen=True)
class PhaseTime:
    """What a phase took: seconds during which any of its Pods ran, and CPU seconds of all of them."""

    wall_seconds: float
    cpu_seconds: float


def phase_times(events: Sequence[Event]) -> dict[str, PhaseTime]:
    """Wall and CPU time by phase, over all attempts, from the ended Pods.

    A kill between a Pod's `podEnded` line and its document makes the next driver write a second one: the
    first counts.
    """
    ended: dict[str, Event] = {}
    for event in events:
        if event["event"] == "podEnded" and event["startedTime"] is not None:
            ended.setdefault(event["podUid"], event)
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    cpu: dict[str, float] = defaultdict(float)
    for event in ended.values():
        spans[event["phase"]].append((event["startedTime"], event["endedTime"]))
        cpu[event["phase"]] += event["cpuSeconds"]
    return {phase: PhaseTime(covered(spans[phase]), cpu[phase]) for phase in spans}


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
