"""Pages that commands write."""

from __future__ import annotations

from pathlib import Path

from collectiverun_trainer.errors import Usage


def folder_uri(path: Path) -> str:
    """URI of the folder that a file lies in."""
    return f"file://{path.absolute().parent.as_posix()}"


def write_page(path: Path, text: str) -> None:
    """Write it. Raises Usage if that is not possible."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Usage(f"{path} can't be written: {error.strerror}") from None
