"""Pydantic's validation errors as sentences for a person."""

from __future__ import annotations

from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


def faults(error: ValidationError, model: type[BaseModel], root: str = "") -> str:
    """Every fault of a `model` with its field's path, joined by semicolons; `root`: the model's own path."""
    details = error.errors(include_url=False, include_context=False)
    return "; ".join(_fault(fault, model, root) for fault in details)


def _fault(fault: ErrorDetails, model: type[BaseModel], root: str) -> str:
    path = ".".join(str(step) for step in (root, *fault["loc"]) if str(step))
    if fault["type"] == "extra_forbidden":
        return f"{path}: there is no such field; {_advice(fault, model)}"
    sentence = fault["msg"].removeprefix("Value error, ")
    value = repr(fault["input"])
    # A whole document or a long text would bury the fault, and of a missing field it shows the surroundings.
    shown = f" (it is {value})" if fault["type"] != "missing" and len(value) <= 60 else ""
    return f"{path or 'the document'}: {sentence}{shown}"


def _advice(fault: ErrorDetails, model: type[BaseModel]) -> str:
    """The nearest field of the model itself; of one inside it only that the field is to go."""
    names = [info.alias or name for name, info in model.model_fields.items()]
    name = str(fault["loc"][-1])
    close = get_close_matches(name, names, n=1) if len(fault["loc"]) == 1 else []
    return f"did you mean {close[0]!r}?" if close else "remove it"
