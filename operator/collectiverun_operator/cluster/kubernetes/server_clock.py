"""The API server's clock: what its objects say, such as when a Pod has to be gone, is compared with no other.

It goes by the `Date` of the server's answers, and between them by a steady clock: neither a clock of this
machine that is wrong nor one that somebody sets changes anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# `Date` is in whole seconds.
_DATE_SECONDS = 1.0
# Less may be two API servers whose clocks differ a little; nothing depends on it.
_TOLERANCE_SECONDS = 2.0


class ServerClock:
    """Until the first answer it is `start`, this machine's time. `steady`: seconds that nobody sets."""

    def __init__(self, start: datetime | None = None, steady: Callable[[], float] = time.monotonic) -> None:
        self.steady = steady
        self._ahead_seconds = (start or datetime.now(UTC)).timestamp() - steady()

    def now(self) -> datetime:
        """The server's time, as far as it is known."""
        return datetime.fromtimestamp(self.steady() + self._ahead_seconds, UTC)

    def heard(self, date: str | None, asked_at: float) -> None:
        """The server's `Date` in its answer to what it was asked at `asked_at`, of the steady clock.

        It is right at some time since then: as long as the clock says so too it stays as it is, however long
        the answer took. A date that can't be read changes nothing.
        """
        try:
            told = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        answered_at = self.steady()
        earliest, latest = asked_at + self._ahead_seconds, answered_at + self._ahead_seconds
        if not earliest - _TOLERANCE_SECONDS - _DATE_SECONDS <= told <= latest + _TOLERANCE_SECONDS:
            self._ahead_seconds = told + _DATE_SECONDS / 2 - (asked_at + answered_at) / 2
