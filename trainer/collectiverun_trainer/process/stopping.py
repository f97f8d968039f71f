"""Stopping on request: SIGTERM (a Pod is being terminated) or SIGINT (Ctrl-C).

The first signal sets a flag, which a phase reads between episodes, where it saves a checkpoint and ends. If
the grace period expires first, or a second signal comes, the process ends at once, and the last checkpoint
is what remains.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, Protocol

from collectiverun_trainer.errors import InvalidConfiguration

GRACE_SECONDS_VARIABLE: Final = "COLLECTIVERUN_GRACE_SECONDS"
DEFAULT_GRACE_SECONDS: Final = 25.0


class StopFlag(Protocol):
    """Whether the phase was asked to stop."""

    @property
    def requested(self) -> bool:
        """True from the first request on."""
        ...


class SignalStopFlag:
    """Stop flag of a process. `at_once(why)` must end the process; it may be called from another thread."""

    def __init__(self, at_once: Callable[[str], None], grace_seconds: float) -> None:
        self.requested = False
        self._at_once = at_once
        self._grace_seconds = grace_seconds

    def install(self) -> None:
        """Handle SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.requested:
            self._at_once(f"{signal.Signals(number).name} came a second time")
            return
        self.requested = True
        # A thread, because the main one may be waiting for storage or be inside a long torch operation.
        why = f"the grace of {self._grace_seconds:g} seconds after {signal.Signals(number).name} ran out"
        timer = threading.Timer(self._grace_seconds, self._at_once, [why])
        timer.daemon = True
        timer.start()


def grace_seconds_of_environment() -> float:
    """Grace period after the first signal, in seconds. Raises InvalidConfiguration if it is not a number."""
    text = os.environ.get(GRACE_SECONDS_VARIABLE, str(DEFAULT_GRACE_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= threading.TIMEOUT_MAX:
        raise InvalidConfiguration(
            f"{GRACE_SECONDS_VARIABLE} is {text!r}; give a number of seconds, 0 or more."
        )
    return seconds
