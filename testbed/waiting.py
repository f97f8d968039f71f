"""Waiting for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT_SECONDS = 240.0
_POLL_SECONDS = 0.1


def eventually(
    look: Callable[[], T],
    what: str | Callable[[], str] = "what is waited for",
    seconds: float = LIMIT_SECONDS,
) -> T:
    """What `look` returns as soon as that is true; AssertionError with `what` if it never is."""
    deadline = time.monotonic() + seconds
    while not (result := look()):
        if time.monotonic() >= deadline:
            missing = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:.0f} s: {missing}; still {result!r}")
        time.sleep(_POLL_SECONDS)
    return result
