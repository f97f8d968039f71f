"""Pydantic's validation errors as sentences for a person."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def faults(error: ValidationError, root: str = "") -> str:
    """Every fault with its field's path, joined by semicolons; `root` is the path of the model itself."""
    return "; ".join(_fault(fault, root) for fault in error.errors(include_url=False, include_context=False))


def _fault(fault: ErrorDetails, root: str) -> str:
    path = ".".join(str(step) for step in (root, *fault["loc"]) if str(step))
    sentence = fault["msg"].removeprefix("Value error, ")
    value = repr(fault["input"])
    # A whole document or a long text would bury the fault, and of a missing field it shows the surroundings.
    shown = f" (it is {value})" if fault["type"] != "missing" and len(value) <= 60 else ""
    return f"{path or 'the document'}: {sentence}{shown}"
