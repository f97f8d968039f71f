"""Follows the JSON lines a phase writes to its standard output."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.api.trainer_report import newest_progress

_READ_LIMIT_BYTES = 1 << 20


class ProgressTail:
    """The newest progress line of a growing file. Other lines are ignored."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._newest: Progress | None = None

    def newest(self) -> Progress | None:
        """Read on to the file's end and return the newest progress, None where there is no file yet."""
        if self._path.exists():
            newest = newest_progress(self._new_lines(), self._newest)
            self._newest = newest.after(self._newest, datetime.now(UTC))
        return self._newest

    def excuse(self, seconds: float) -> None:
        """The clock jumped by so much: that is no time without progress."""
        if self._newest is not None and self._newest.since is not None:
            later = self._newest.since + timedelta(seconds=seconds)
            self._newest = replace(self._newest, since=later)

    def _new_lines(self) -> list[bytes]:
        lines: list[bytes] = []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while content := file.read(_READ_LIMIT_BYTES):
                *whole, self._rest = (self._rest + content).split(b"\n")
                lines += whole
            self._offset = file.tell()
        return lines
