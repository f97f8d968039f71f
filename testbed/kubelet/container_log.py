"""The output of a container: every line with its time in a file, read with the options of `kubectl logs`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

_POLL_SECONDS = 0.1


class ContainerLog:
    """One file; it grows while the container runs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def record(self, stream: asyncio.StreamReader) -> None:
        """Write the output of a process, line by line, until its end."""
        with self.path.open("ab", buffering=0) as file:
            rest = b""
            while chunk := await stream.read(1 << 16):
                *lines, rest = (rest + chunk).split(b"\n")
                file.write(b"".join(map(_stamped, lines)))
            if rest:
                file.write(_stamped(rest))

    def end(self, lines: int, limit_bytes: int) -> str:
        """Its last lines, without times."""
        text = b"".join(_text(line) for line in self._lines()[-lines:])
        return text[-limit_bytes:].decode(errors="replace").strip()

    async def read(self, query: Mapping[str, str], has_ended: Callable[[], bool]) -> AsyncIterator[bytes]:
        """The lines a request asks for; with `follow` also those to come until the container has ended."""
        left = int(query.get("limitBytes", sys.maxsize))
        with_times = query.get("timestamps") == "true"
        async for line in self._selected(query, has_ended):
            shown = (line if with_times else _text(line))[:left]
            left -= len(shown)
            yield shown
            if left <= 0:
                return

    async def _selected(
        self, query: Mapping[str, str], has_ended: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        lines, since = self._lines(), _since(query)
        offset = sum(map(len, lines))
        recent = [line for line in lines if line.decode(errors="replace") >= since]
        for line in recent[max(0, len(recent) - int(query.get("tailLines", sys.maxsize))) :]:
            yield line
        while query.get("follow") == "true":
            is_over = has_ended()  # before the file is read, so that nothing is missed
            for line in self._lines(offset):
                offset += len(line)
                yield line
            if is_over:
                return
            await asyncio.sleep(_POLL_SECONDS)

    def _lines(self, offset: int = 0) -> list[bytes]:
        """Complete lines from an offset on."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(offset)
            return [line for line in file.readlines() if line.endswith(b"\n")]


def _since(query: Mapping[str, str]) -> str:
    if "sinceSeconds" not in query:
        return query.get("sinceTime", "").rstrip("Z")  # whole seconds, compared as text
    return _time(datetime.now(UTC) - timedelta(seconds=int(query["sinceSeconds"])))


def _stamped(line: bytes) -> bytes:
    return f"{_time(datetime.now(UTC))} ".encode() + line + b"\n"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(line: bytes) -> bytes:
    return line.split(b" ", 1)[1]
