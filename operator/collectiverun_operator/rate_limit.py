"""How fast: what failed comes back later and later, and many are not taken faster than a rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True)
class BackOff:
    """How long a key that failed waits: twice as long each time, up to a cap, half of it by chance."""

    first_seconds: float = 0.5
    cap_seconds: float = 300.0

    def delay(self, failures: int, chance: float) -> float:
        """Seconds after that many failures in a row; `chance` in [0, 1) spreads keys that failed together."""
        whole = min(self.cap_seconds, self.first_seconds * 2.0 ** min(failures - 1, 63))
        return whole * (0.5 + chance / 2)


DOUBLING = BackOff()


class TokenBucket:
    """At most `rate` a second in the long run, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Clock = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._tokens = self._burst
        self._filled_at = clock()

    def take(self) -> float:
        """Take a token; in how many seconds it is there. Those who take later get it later."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)
