"""Faults that pydantic finds, as words for a person."""

from __future__ import annotations

from pydantic import ValidationError


def faults(error: ValidationError, root: str = "") -> str:
    """Every fault with its field's path, joined by semicolons; `root` is the path of the model itself."""
    return "; ".join(
        _fault(
            ".".join(str(step) for step in (root, *fault["loc"]) if str(step)), fault["msg"], fault["input"]
        )
        for fault in error.errors(include_url=False, include_context=False)
    )


def _fault(path: str, message: str, value: object) -> str:
    sentence = message.removeprefix("Value error, ")
    shown = repr(value)
    # A whole document or a long text would bury the fault.
    return f"{path or 'the document'}: {sentence}" + (f" (it is {shown})" if len(shown) <= 60 else "")
