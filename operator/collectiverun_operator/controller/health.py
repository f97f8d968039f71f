"""/healthz: whether the operator works, and not only answers.

A watch can die silently and a worker can hang. So the operator renews a Lease of its own that must come back
through the watch (the canary), and the queue must not stall while runs are due.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

Clock = Callable[[], float]
# Returns a sentence about what is wrong, or None.
Check = Callable[[], str | None]


@dataclass
class Canary:
    """When the watch last showed the renewed Lease of the operator."""

    name: str
    limit_seconds: float
    clock: Clock = time.monotonic
    _seen_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._seen_at = self.clock()

    def seen(self) -> None:
        """The watch showed the Lease."""
        self._seen_at = self.clock()

    def check(self) -> str | None:
        """A sentence if the Lease was not seen for too long."""
        age = self.clock() - self._seen_at
        if age <= self.limit_seconds:
            return None
        text = f"the watch has not shown the renewed Lease {self.name} for {age:.0f} s"
        return (
            f"{text} (limit {self.limit_seconds:.0f} s): it is gone, can't be renewed, or the watch is dead"
        )


def queue_check(stalled_seconds: Callable[[], float], limit_seconds: float) -> Check:
    """A check that fails when the queue stalls for too long."""

    def check() -> str | None:
        age = stalled_seconds()
        if age <= limit_seconds:
            return None
        text = f"the queue has been stalled for {age:.0f} s (limit {limit_seconds:.0f} s)"
        return f"{text}: one reconcile takes that long, or runs are due and none was finished"

    return check


def liveness_check(dead: Callable[[], Sequence[str]]) -> Check:
    """A check that fails when a task that must run for ever has ended; `dead` gives their names."""

    def check() -> str | None:
        names = dead()
        return f"a task that must run for ever has ended: {', '.join(names)}" if names else None

    return check


class Health:
    """All checks together."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._checks = tuple(checks)

    def faults(self) -> list[str]:
        """A sentence for each thing that is wrong."""
        return [sentence for check in self._checks if (sentence := check()) is not None]

    async def answer(self, _: web.Request) -> web.Response:
        """200 ok, or 503 and what is wrong."""
        faults = self.faults()
        return web.Response(status=503 if faults else 200, text="\n".join(faults or ["ok"]) + "\n")
