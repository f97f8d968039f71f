"""What is being done, for whoever waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def step(what: str, outlook: str = "") -> Iterator[None]:
    """Say what is done now, and afterwards how long it took."""
    print(f"{what}{outlook and f' ({outlook})'} …", flush=True)
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)
