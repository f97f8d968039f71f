"""Lists of objects as maps: the fields that are the keys of their entries; lists that are sets."""

from __future__ import annotations

import copy

from collectiverun_operator.json_types import JSONObject

# The server refuses two entries with the same keys, and server-side apply merges by them. Phases and members
# of a status have one writer, which writes all of them: as maps each field would be noted in managedFields,
# which would double the size of a run.
_SETS = ("spec.seeds",)
_KEYS = {
    "spec.robotModels": ["name"],
    "spec.tasks": ["env", "robot"],
    "spec.phases.students.params.tasks": ["env", "robot"],
    "status.conditions": ["type"],
}


def with_list_types(schema: JSONObject) -> JSONObject:
    """A copy in which those lists are maps or sets, and all others atomic."""
    schema = copy.deepcopy(schema)
    _mark(schema, "")
    return schema


def _mark(schema: JSONObject, path: str) -> None:
    for name, field in schema.get("properties", {}).items():
        _mark(field, f"{path}.{name}".removeprefix("."))
    if schema.get("type") == "array":
        schema |= _list_type(path)
        _mark(schema["items"], f"{path}[]")


def _list_type(path: str) -> JSONObject:
    if path in _KEYS:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": _KEYS[path]}
    return {"x-kubernetes-list-type": "set" if path in _SETS else "atomic"}
