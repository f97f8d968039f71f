"""The progress of a build of Go programs, from the output of `go build -v`.

On a terminal one line that changes, elsewhere a line now and then.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable

_PLAIN_SECONDS, _TERMINAL_SECONDS = 30.0, 0.5
_KEPT_LINES = 40
_DOWNLOADING = "go: downloading "


class BuildProgress:
    """One build. `count` asks for the number of packages, once all sources are here."""

    def __init__(self, name: str, count: Callable[[], int]) -> None:
        self._name = name
        self._count = count
        self._total = self._done = self._sources = 0
        self._began = self._compiling_since = time.monotonic()
        self._printed = float("-inf")
        self._is_terminal = sys.stderr.isatty()
        self._interval = _TERMINAL_SECONDS if self._is_terminal else _PLAIN_SECONDS

    def follow(self, lines: Iterable[str]) -> str:
        """Read the output until it ends and print the progress; the end of all that is something else."""
        others: deque[str] = deque(maxlen=_KEPT_LINES)
        for line in lines:
            if line.startswith(_DOWNLOADING):
                self._sources += 1
            elif _is_package(line):
                self._count_package()
            else:
                others.append(line)
            if time.monotonic() - self._printed > self._interval:
                self._print(self._state())
        self._print(f"{_duration(time.monotonic() - self._began)} in all")
        if self._is_terminal:
            print(file=sys.stderr)
        return "".join(others).strip()

    def _count_package(self) -> None:
        if not self._total:
            self._total = self._count()
            self._compiling_since = time.monotonic()
        self._done += 1

    def _state(self) -> str:
        if not self._total:
            return f"fetching sources ({self._sources} modules so far)"
        share = min(self._done / self._total, 1.0)
        passed = time.monotonic() - self._compiling_since
        left = f", about {_duration(passed * (1 - share) / share)} left" if passed > 10 else ""
        return f"compiling, {share:.0%} of {self._total} packages{left}"

    def _print(self, text: str) -> None:
        line = f"  {self._name}: {text}"
        sys.stderr.write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")
        sys.stderr.flush()
        self._printed = time.monotonic()


def _is_package(line: str) -> bool:
    """Whether it is an import path alone: `k8s.io/api/core/v1`."""
    text = line.strip()
    return bool(text) and not text.startswith(("#", "go:", "go ")) and " " not in text and ":" not in text


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
