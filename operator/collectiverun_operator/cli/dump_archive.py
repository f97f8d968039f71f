"""An archive for a bug report: entries of bounded size, of which each passes a redactor."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from collectiverun_operator.cli.exit_codes import CommandError
from collectiverun_operator.cli.redaction import Redactor

KIB: Final = 1024
LOG_LIMIT: Final = 256 * KIB
"""Bytes of a log that are kept: its end."""
ALL_LOGS_LIMIT: Final = 32 * KIB * KIB
"""Bytes of all logs together."""


class ArchiveError(CommandError):
    """The archive can't be written."""


@dataclass(frozen=True)
class Entry:
    """A file of the archive; `note`: what is missing of it."""

    name: str
    content: bytes
    note: str = ""


@dataclass
class Dump:
    """What goes into the archive."""

    redactor: Redactor
    entries: list[Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """What could not be had, a sentence each."""
    _log_bytes: int = 0

    def add_document(self, name: str, document: Any) -> None:
        """A JSON document."""
        text = json.dumps(self.redactor.document(document), indent=1, ensure_ascii=False, default=str)
        self.entries.append(Entry(name, f"{text}\n".encode()))

    def add_log(self, name: str, content: bytes, size: int | None = None) -> None:
        """The end of what a process wrote, if it is anything; `size`: of all of it, where that is more."""
        whole = len(content) if size is None else size
        if not whole:
            return
        kept = ending(content, LOG_LIMIT)
        if self._log_bytes + len(kept) > ALL_LOGS_LIMIT:
            self.missing.append(f"{name}: all logs together are limited to {size_text(ALL_LOGS_LIMIT)}")
            return
        self._log_bytes += len(kept)
        note = f"its end: {size_text(len(kept))} of {size_text(whole)}" if len(kept) < whole else ""
        self.entries.append(Entry(name, self.redactor.text(kept.decode(errors="replace")).encode(), note))

    def write(self, path: Path, folder: str) -> None:
        """Write a new tar.gz, for its owner alone; its entries lie in `folder`. Raises ArchiveError."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
                for entry in self.entries:
                    about = tarfile.TarInfo(f"{folder}/{entry.name}")
                    about.size, about.mtime, about.mode = len(entry.content), int(time.time()), 0o600
                    archive.addfile(about, io.BytesIO(entry.content))
        except FileExistsError:
            raise ArchiveError(f"{path} is there already; remove it, or name another with --output") from None
        except OSError as error:
            raise ArchiveError(f"{path} can't be written: {error.strerror}") from None


def ending(content: bytes, limit: int) -> bytes:
    """The last whole lines of at most `limit` bytes; of one longer line its last whole words."""
    if len(content) <= limit:
        return content
    begin, *rest = re.split(rb"\n", content[-limit:], maxsplit=1)
    if rest and rest[0]:
        return rest[0]
    return re.sub(rb"^\S*\s*", b"", begin)  # a part of a word could be that of a secret


def size_text(size_bytes: int) -> str:
    """`812 B`, `3 KiB`, `1.5 MiB`."""
    if size_bytes < KIB:
        return f"{size_bytes} B"
    kib = size_bytes / KIB
    return f"{kib:.0f} KiB" if kib < KIB else f"{kib / KIB:.1f} MiB"
