"""The user's cache, where built and fetched programs are kept."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "collectiverun"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time: of several that need a program, one builds it and the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "building.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, renamed to `folder` in one step at the end: one that exists is complete."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    partial.rename(folder)
