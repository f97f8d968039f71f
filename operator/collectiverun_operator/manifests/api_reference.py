"""The reference of a run's fields, in Markdown: a section for each object, a row for each field."""

from __future__ import annotations

import json
from collections.abc import Iterator

from collectiverun_operator.api.run import API_VERSION, KIND
from collectiverun_operator.json_types import JSONObject

_INTRODUCTION = f"""<!-- Generated from the typed models by `make manifests`; do not edit. -->
# {KIND}

`apiVersion: {API_VERSION}`, `kind: {KIND}`; short name `crun`. On a cluster, `kubectl explain
collectiverun.spec` says the same.

Counts are in env steps: steps of Meta-World's simulation. A *decision* is `spec.environment.actionRepeat`
env steps. A field without a default may be left out unless it is called required. Beyond the bounds below,
the API server checks that fields fit together, and that none changes once the run has begun unless its
description says that it may: what is wrong is refused with the field and a sentence. The operator checks it
too, and says what it finds in condition `Accepted`. Needs Kubernetes 1.30 or newer; tested on 1.34.4 and
1.37.2 ([operations](../operations.md#what-you-need)).
"""
_MANY = 10


def api_reference(schema: JSONObject) -> str:
    """The page about a run's schema."""
    page = _Page()
    for name in ("spec", "status"):
        page.add(name, schema["properties"][name])
    return "\n".join([_INTRODUCTION, *page.sections])


class _Page:
    """The sections so far, and where each object is described: equal objects share a section."""

    def __init__(self) -> None:
        self.sections: list[str] = []
        self._paths: dict[str, str] = {}

    def add(self, path: str, schema: JSONObject) -> None:
        """Add a section about an object, then about objects in it that have none yet."""
        objects = [(f"{path}.{name}{suffix}", inner) for name, inner, suffix in _objects(schema)]
        new = [(inner_path, inner) for inner_path, inner in objects if self._is_new(inner_path, inner)]
        rows = [self._row(name, field, schema) for name, field in schema["properties"].items()]
        heading = f"## `{path}`\n\n{schema.get('description', '')}\n"
        self.sections.append(
            "\n".join([heading, "| field | type | default | |", "|---|---|---|---|", *rows, ""])
        )
        for inner_path, inner in new:
            self.add(inner_path, inner)

    def _is_new(self, path: str, schema: JSONObject) -> bool:
        return self._paths.setdefault(_identity(schema), path) == path

    def _row(self, name: str, field: JSONObject, parent: JSONObject) -> str:
        default = "required" if name in parent.get("required", ()) else _default(field)
        inner, _ = _inner(field)
        shown = f"`{name}`"
        if "properties" in inner:
            shown = f"[{shown}](#{_anchor(self._paths[_identity(inner)])})"
        text = field.get("description", "").replace("|", "\\|").replace("<", "&lt;")
        return f"| {shown} | {_type(field)} | {default} | {text} |"


def _objects(schema: JSONObject) -> Iterator[tuple[str, JSONObject, str]]:
    for name, field in schema["properties"].items():
        inner, suffix = _inner(field)
        if "properties" in inner:
            yield name, inner, suffix


def _identity(schema: JSONObject) -> str:
    return json.dumps(schema["properties"], sort_keys=True)


def _inner(field: JSONObject) -> tuple[JSONObject, str]:
    return (field["items"], "[]") if field.get("type") == "array" else (field, "")


def _anchor(path: str) -> str:
    """The anchor that GitHub derives from a heading."""
    return "".join(character for character in path.lower() if character.isalnum() or character == "-")


def _default(field: JSONObject) -> str:
    default = field.get("default")
    return "" if default in (None, {}, []) else f"`{json.dumps(default)}`"


def _type(field: JSONObject) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if field["type"] == "array":
        return f"list of {_type(field['items'])}{_length(field, 'minItems', 'maxItems')}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"map to {_type(field['additionalProperties'])}"
    if "enum" in field:
        return _choices(field["enum"])
    if field.get("format") == "date-time":
        return "time"
    return f"{field['type']}{_range(field)}{_length(field, 'minLength', 'maxLength')}"


def _choices(values: list[str]) -> str:
    return "one of Meta-World's tasks" if len(values) > _MANY else ", ".join(f"`{v}`" for v in values)


def _range(field: JSONObject) -> str:
    """Such as ` ≥ 0, < 1`."""
    lowest = ">" if field.get("exclusiveMinimum") else "≥"
    highest = "<" if field.get("exclusiveMaximum") else "≤"
    bounds = [f"{lowest} {_number(field['minimum'])}"] if "minimum" in field else []
    bounds += [f"{highest} {_number(field['maximum'])}"] if "maximum" in field else []
    return f" {', '.join(bounds)}" if bounds else ""


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"


def _length(field: JSONObject, least: str, most: str) -> str:
    if most not in field:
        return ""
    return f" ({field[least]} to {field[most]})" if field.get(least) else f" (up to {field[most]})"
