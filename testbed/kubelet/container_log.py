"""The output of a container: every line with its time in a file, read with the options of `kubectl logs`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class LogOptions:
    """The options of a request for a log."""

    follow: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    since: str = ""
    limit_bytes: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> LogOptions:
        """From the query of a request; ValueError if a number is none."""
        return cls(
            follow=query.get("follow") in ("true", "1"),
            timestamps=query.get("timestamps") in ("true", "1"),
            tail_lines=int(query["tailLines"]) if "tailLines" in query else None,
            since=_since(query),
            limit_bytes=int(query["limitBytes"]) if "limitBytes" in query else None,
        )


def _since(query: Mapping[str, str]) -> str:
    if "sinceSeconds" not in query:
        return query.get("sinceTime", "").rstrip("Z")  # whole seconds, compared as text
    return _stamp(datetime.now(UTC) - timedelta(seconds=int(query["sinceSeconds"])))


class ContainerLog:
    """One file; it grows while the container runs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def record(self, stream: asyncio.StreamReader) -> None:
        """Write what comes out of a process, line by line, until its end."""
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

    async def read(self, options: LogOptions, has_ended: Callable[[], bool]) -> AsyncIterator[bytes]:
        """The lines asked for; with `follow`, also those still to come until the container has ended."""
        left = options.limit_bytes
        async for line in self._selected(options, has_ended):
            shown = line if options.timestamps else _text(line)
            if left is not None:
                shown, left = shown[:left], left - len(shown)
            yield shown
            if left is not None and left <= 0:
                return

    async def _selected(self, options: LogOptions, has_ended: Callable[[], bool]) -> AsyncIterator[bytes]:
        lines = self._lines()
        offset = sum(map(len, lines))
        chosen = [line for line in lines if line.decode(errors="replace") >= options.since]
        for line in (
            chosen if options.tail_lines is None else chosen[max(0, len(chosen) - options.tail_lines) :]
        ):
            yield line
        while options.follow:
            over = has_ended()  # before the file is read, so that nothing is missed
            for line in self._lines(offset):
                offset += len(line)
                yield line
            if over:
                return
            await asyncio.sleep(_POLL_SECONDS)

    def _lines(self, offset: int = 0) -> list[bytes]:
        """Complete lines from an offset on."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(offset)
            return [line for line in file.readlines() if line.endswith(b"\n")]


def _stamped(line: bytes) -> bytes:
    return f"{_stamp(datetime.now(UTC))} ".encode() + line + b"\n"


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(line: bytes) -> bytes:
    return line.split(b" ", 1)[1]
