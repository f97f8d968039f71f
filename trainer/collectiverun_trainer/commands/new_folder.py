"""A folder that a command writes: whole, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from collectiverun_trainer.errors import Usage

UNFINISHED: Final = ".unfinished"


@contextmanager
def new_folder(output: str) -> Iterator[Path]:
    """A folder within `output` to write into; its content moves up when the block ends.

    `output` is made, or is there and empty: it may be the current folder, a link or another disk, so
    it is not renamed itself. Where the block raises, nothing of it is left (but new folders above it);
    a process that is killed leaves `.unfinished` alone in it. Of two that write one folder the second is
    refused, and the first is not disturbed.

    Raises:
        Usage: it can't be written, or has something in it by now.
    """
    folder = Path(output)
    made = not folder.exists()
    try:
        unfinished = _claimed(folder)
        try:
            yield unfinished
            for path in sorted(unfinished.iterdir()):
                path.rename(folder / path.name)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            if made:
                with suppress(OSError):  # it is full as it should be
                    folder.rmdir()
    except OSError as error:
        raise Usage(f"{folder} can't be written: {error.strerror or error}") from None


def _claimed(folder: Path) -> Path:
    """The folder to write into, made by this process alone in an empty one."""
    unfinished = folder / UNFINISHED
    try:
        unfinished.mkdir(parents=True)
    except FileExistsError:
        if not unfinished.is_dir():
            raise
        raise Usage(
            f"{unfinished} is there already: another command writes {folder}, or was killed; name another"
            " folder, or remove it"
        ) from None
    if [path.name for path in folder.iterdir()] != [UNFINISHED]:  # asked first, and filled meanwhile
        unfinished.rmdir()
        raise Usage(f"{folder} is no empty folder any more; name a new one")
    return unfinished
