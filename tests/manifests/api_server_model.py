"""What an API server does with a structural schema: prune, fill in defaults, check bounds and CEL rules.

For properties over thousands of documents. `test_on_an_api_server.py` shows that the real one does the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import cel
from testbed import JSONObject

_PRESERVES = "x-kubernetes-preserve-unknown-fields"


def nodes(schema: JSONObject, path: str = "") -> Iterator[tuple[str, JSONObject]]:
    """Every schema in a schema with its path, such as `spec.tasks[].env`; the values of a map are `{}`."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}".removeprefix("."))
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def node(schema: JSONObject, path: str) -> JSONObject:
    """The schema at a path."""
    return dict(nodes(schema))[path]


def pruned(schema: JSONObject, value: Any) -> Any:
    """The value without the fields that the schema does not know."""
    if isinstance(value, list):
        return [pruned(schema.get("items", {}), entry) for entry in value]
    if not isinstance(value, dict) or schema.get(_PRESERVES):
        return value
    if "additionalProperties" in schema:
        return {key: pruned(schema["additionalProperties"], entry) for key, entry in value.items()}
    known = schema.get("properties", {})
    return {key: pruned(known[key], entry) for key, entry in value.items() if key in known}


def with_defaults(schema: JSONObject, value: Any) -> Any:
    """The value with the schema's defaults where nothing is said."""
    if isinstance(value, list):
        return [with_defaults(schema.get("items", {}), entry) for entry in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    filled = {key: field["default"] for key, field in known.items() if "default" in field} | value
    return {key: with_defaults(known.get(key, {}), entry) for key, entry in filled.items()}


def violations(schema: JSONObject, value: Any, path: str = "") -> list[str]:
    """Paths at which a value breaks types or bounds."""
    found = [] if _fits(schema, value) else [path]
    if isinstance(value, dict):
        found += [f"{path}.{name}" for name in schema.get("required", ()) if name not in value]
        inner = schema.get("properties", {})
        for key, entry in value.items():
            found += violations(
                inner.get(key, schema.get("additionalProperties", {})), entry, f"{path}.{key}"
            )
    if isinstance(value, list):
        for index, entry in enumerate(value):
            found += violations(schema.get("items", {}), entry, f"{path}[{index}]")
    return found


@dataclass(frozen=True)
class Refusal:
    """A CEL rule that was broken: the field and the sentence it tells."""

    rule: str
    field: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.field}: {self.sentence}"


def broken_rules(schema: JSONObject, run: JSONObject, before: JSONObject | None = None) -> list[Refusal]:
    """The CEL rules that a run breaks, as a change of `before` if that is given."""
    new = _typed(schema, with_defaults(schema, run))
    old = None if before is None else _typed(schema, with_defaults(schema, before))
    at = cache(lambda path: _Place(_value(new, path), _value(old, path)))
    return [
        Refusal(rule["rule"], _field(path, rule), at(path).sentence(rule))
        for path, rule in rules(schema)
        if not at(path).holds(rule)
    ]


def rules(schema: JSONObject) -> Iterator[tuple[str, JSONObject]]:
    """Every CEL rule of a schema with the path of the object or list it stands at; "" is the whole."""
    for path, described in nodes(schema):
        for rule in described.get("x-kubernetes-validations", ()):
            yield path, rule


def _field(path: str, rule: JSONObject) -> str:
    return f"{path}{rule.get('fieldPath', '')}".removeprefix(".")


def _value(document: Any, path: str) -> Any:
    """What stands at a path; None if nothing does."""
    for name in filter(None, path.split(".")):
        document = (document or {}).get(name)
    return document


class _Place:
    """What rules see where they stand."""

    def __init__(self, new: Any, old: Any) -> None:
        self._new, self._old = new, old
        self._context = _context(new, old)
        perhaps = cel.OptionalValue.none() if old is None else cel.OptionalValue.of(old)
        self._context_of_optional = _context(new, perhaps)

    def holds(self, rule: JSONObject) -> bool:
        """Whether a rule is kept, or not about what is there."""
        if self._new is None:
            return True
        if rule.get("optionalOldSelf"):
            return bool(_program(rule["rule"]).execute(self._context_of_optional))
        is_about_changes = "oldSelf" in rule["rule"]
        if is_about_changes and self._old is None:
            return True
        return bool(_program(rule["rule"]).execute(self._context))

    def sentence(self, rule: JSONObject) -> str:
        """What a rule that is broken says, with the server's own words for its reason as the operator's."""
        expression = rule.get("messageExpression")
        told = _program(expression).execute(self._context) if expression else rule["message"]
        return f"is required {told}" if rule.get("reason") == "FieldValueRequired" else str(told)


_program = cache(cel.compile)


def _context(new: Any, old: Any) -> cel.Context:
    context = cel.Context({"self": new, "oldSelf": old})
    context.add_function("format", _formatted)
    context.add_function("split", str.split)
    return context


def _formatted(text: str, values: list[Any]) -> str:
    return text % tuple(json.dumps(value) if isinstance(value, list) else value for value in values)


def _typed(schema: JSONObject, value: Any) -> Any:
    """JSON has one kind of number, CEL has two."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {key: _typed(known.get(key, {}), entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_typed(schema.get("items", {}), entry) for entry in value]
    return float(value) if schema.get("type") == "number" else value


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def _fits(schema: JSONObject, value: Any) -> bool:
    kind = schema.get("type")
    if kind is not None and (
        not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
    ):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str):
        return _is_between(schema, len(value), "Length") and bool(re.search(schema.get("pattern", ""), value))
    if isinstance(value, list):
        return _is_between(schema, len(value), "Items") and _is_a_map(schema, value)
    return isinstance(value, dict | bool) or _is_in_range(schema, value)


def _is_between(schema: JSONObject, length: int, what: str) -> bool:
    return schema.get(f"min{what}", 0) <= length <= schema.get(f"max{what}", length)


def _is_a_map(schema: JSONObject, value: list[Any]) -> bool:
    keys = schema.get("x-kubernetes-list-map-keys", ())
    found = [tuple(with_defaults(schema["items"], entry).get(key) for key in keys) for entry in value if keys]
    return len(found) == len(set(found))


def _is_in_range(schema: JSONObject, value: float) -> bool:
    lowest, highest = schema.get("minimum", value), schema.get("maximum", value)
    if (value == lowest and schema.get("exclusiveMinimum")) or (
        value == highest and schema.get("exclusiveMaximum")
    ):
        return False
    return bool(lowest <= value <= highest)
