"""Zip files that somebody else made: entries of bounded size, and damage as one sentence."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from collectiverun_trainer.errors import InputInvalid

MEBIBYTE: Final = 2**20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What zipfile raises for content that is cut, altered, encrypted, or packed in an odd way."""
_T = TypeVar("_T")


class BoundedZip:
    """A zip file whose entries are read whole, and never more of them than is said.

    Args:
        source: a path, or the content.
        name: what errors call it.

    Raises:
        InputInvalid: it is not there, or no zip file.
    """

    def __init__(self, source: Path | bytes, name: str) -> None:
        self.name = name
        opened = io.BytesIO(source) if isinstance(source, bytes) else source
        self._zip = self._undamaged(lambda: zipfile.ZipFile(opened))

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of the entries."""
        return tuple(self._zip.namelist())

    def read(self, entry: str, limit_bytes: int) -> bytes:
        """The content of one entry. Raises InputInvalid if there is none, it is larger, or damaged."""
        if entry not in self.entries:
            raise InputInvalid(f"{self.name} has no entry {entry!r}")
        size = self._zip.getinfo(entry).file_size  # zipfile itself unpacks no byte beyond it
        if size > limit_bytes:
            raise InputInvalid(
                f"{self.name}: {entry!r} would unpack to {size / MEBIBYTE:,.0f} MiB; the limit is"
                f" {limit_bytes // MEBIBYTE} MiB"
            )
        return self._undamaged(lambda: self._zip.read(entry))

    def _undamaged(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except FileNotFoundError:
            raise InputInvalid(f"there is no file {self.name}") from None
        except _DAMAGE as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InputInvalid(f"{self.name} can't be read as a zip file: {why}") from None
