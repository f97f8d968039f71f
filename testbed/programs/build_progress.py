"""How far a build of Go programs is, by what `go build -v` says: a line that changes, or one now and then."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable

_PLAIN_SECONDS, _TERMINAL_SECONDS = 30.0, 0.5
_SAID_LINES = 40
_DOWNLOADING = "go: downloading "


class BuildProgress:
    """One build. `count` asks for the number of packages, once all sources are here."""

    def __init__(self, name: str, count: Callable[[], int]) -> None:
        self._name = name
        self._count = count
        self._total = 0
        self._done = 0
        self._sources = 0
        self._began = self._compiling_since = time.monotonic()
        self._told = float("-inf")
        self._is_terminal = sys.stderr.isatty()

    def follow(self, lines: Iterable[str]) -> str:
        """Read what is said until it ends, telling how it goes; the last of it that is no progress."""
        said: deque[str] = deque(maxlen=_SAID_LINES)
        for line in lines:
            if line.startswith(_DOWNLOADING):
                self._sources += 1
            elif _is_package(line):
                self._compiled()
            else:
                said.append(line)
            self._tell()
        self._tell_end()
        return "".join(said).strip()

    def _compiled(self) -> None:
        if not self._total:
            self._total = self._count()
            self._compiling_since = time.monotonic()
        self._done += 1

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told < (_TERMINAL_SECONDS if self._is_terminal else _PLAIN_SECONDS):
            return
        self._told = now
        self._say(self._state(now))

    def _state(self, now: float) -> str:
        if not self._total:
            return f"fetching sources ({self._sources} modules so far)"
        share = min(self._done / self._total, 1.0)
        left = (now - self._compiling_since) * (1 - share) / share
        about = f", about {_minutes(left)} left" if now - self._compiling_since > 10 else ""
        return f"compiling, {share:.0%} of {self._total} packages{about}"

    def _tell_end(self) -> None:
        self._say(f"{_minutes(time.monotonic() - self._began)} in all")
        if self._is_terminal:
            print(file=sys.stderr)

    def _say(self, text: str) -> None:
        line = f"  {self._name}: {text}"
        sys.stderr.write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")
        sys.stderr.flush()


def _is_package(line: str) -> bool:
    """An import path alone: `k8s.io/api/core/v1`."""
    text = line.strip()
    return bool(text) and not text.startswith(("#", "go:", "go ")) and " " not in text and ":" not in text


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
