"""Validation errors of pydantic as faults: a path and a sentence each, with a hint at misspelt names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from collectiverun_operator.errors import Fault

M = TypeVar("M", bound=BaseModel)
SHOWN_CHARACTERS = 80


def model_faults(model: type[M], document: object, path: str) -> tuple[M | None, list[Fault]]:
    """`document` as a `model`, or None and every fault found, with paths that begin with `path`."""
    try:
        text = json.dumps(document, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        return None, [
            Fault(path, f"is not plain data ({error}); write mappings, lists, strings and numbers only")
        ]
    try:
        # As JSON, and strictly: "3" is no number and a list is a tuple, as the API server sees it.
        return model.model_validate_json(text, strict=True, by_alias=True, by_name=False), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, _unique(
            _fault(model, detail, path) for detail in details if not _follows(detail, details)
        )


def join_path(path: str, parts: Sequence[str | int]) -> str:
    """`spec`, ("tasks", 1, "env") → `spec.tasks[1].env`."""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")


def unknown_field(name: str, fields: Iterable[str]) -> str:
    """The sentence about a field that does not exist, with the nearest that does."""
    names = list(fields)
    close = get_close_matches(name, names, n=1)
    hint = (
        f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}" if names else "remove it"
    )
    return f"unknown field {name!r}; {hint}"


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list is reported as too short only because some of its entries are faulty."""
    depth = len(detail["loc"])
    deeper = (other["loc"] for other in details if len(other["loc"]) > depth)
    return detail["type"] == "too_short" and any(location[:depth] == detail["loc"] for location in deeper)


def _unique(faults: Iterable[Fault]) -> list[Fault]:
    return list(dict.fromkeys(faults))


def _fault(model: type[BaseModel], detail: ErrorDetails, path: str) -> Fault:
    return Fault(join_path(path, detail["loc"]), _sentence(model, detail))


def _sentence(model: type[BaseModel], detail: ErrorDetails) -> str:
    kind, location = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        return unknown_field(str(location[-1]), _field_names(model, location[:-1]))
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind in ("too_short", "too_long"):
        return _length_sentence(detail)
    message = detail["msg"].removeprefix("Input ").replace(" instance", "")
    return f"{message}, not {_shown(detail['input'])}"


def _length_sentence(detail: ErrorDetails) -> str:
    limits = detail["ctx"]
    bound = (
        f"at least {limits['min_length']}" if "min_length" in limits else f"at most {limits['max_length']}"
    )
    return (
        f"must have {bound} {'entry' if bound.endswith(' 1') else 'entries'}, not {limits['actual_length']}"
    )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _field_names(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Names, as written in a run file, of the fields of the model that `location` leads to."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str):
            current = _submodel(current, part) if current else None
    return list(_fields(current)) if current else []


def _fields(model: type[BaseModel]) -> Mapping[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _submodel(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    return _model_in(_fields(model).get(name))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `Storage`, `Storage | None` or `tuple[Task, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in models if model), None)
