"""Pages that commands write."""

from __future__ import annotations

from pathlib import Path

from collectiverun_trainer.errors import Usage


def write_page(path: Path, text: str) -> None:
    """Write it. Raises Usage if that is not possible."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Usage(f"{path} can't be written: {error.strerror}") from None
