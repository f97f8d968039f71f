"""Exponential back-off and token buckets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


def exponential_backoff(first_seconds: float, failures: int, cap_seconds: float = math.inf) -> float:
    """Seconds to wait after that many failures in a row (1 or more): doubled each time, up to a cap."""
    return min(cap_seconds, first_seconds * 2.0 ** min(failures - 1, 63))


@dataclass(frozen=True)
class BackOff:
    """Exponential back-off with jitter: half of each delay is random."""

    first_seconds: float = 0.5
    cap_seconds: float = 300.0

    def delay(self, failures: int, chance: float) -> float:
        """Seconds after that many failures in a row; `chance` in [0, 1) spreads keys that failed together."""
        return exponential_backoff(self.first_seconds, failures, self.cap_seconds) * (0.5 + chance / 2)


DEFAULT_BACK_OFF = BackOff()


class TokenBucket:
    """At most `rate` a second in the long run, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Clock = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._tokens = self._burst
        self._filled_at = clock()

    def take(self) -> float:
        """Reserve a token; in how many seconds it is there. Those who take later get it later."""
        self._fill()
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

    def try_take(self) -> bool:
        """Take a token if there is one now."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
