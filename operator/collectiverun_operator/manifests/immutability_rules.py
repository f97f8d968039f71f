"""CEL rules about changes: one for each field that must not change once a run has begun.

They derive from the schema of the spec and from the operator's own lists (`api/immutability.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from collectiverun_operator.api.conditions import SPEC_CHANGED
from collectiverun_operator.api.immutability import MUTABLE, MUTABLE_IN_PHASES
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.manifests.rules import FORBIDDEN, Rule

_SENTENCE = "can't be changed once the run has begun; give the run another name"
# A change that an older definition let in and the operator refuses may be reverted.
_MAY_CHANGE = (
    "!has(oldSelf.status) || !has(oldSelf.status.specHash) || has(oldSelf.status.conditions)"
    f" && oldSelf.status.conditions.exists(c, c.reason == '{SPEC_CHANGED.reason}')"
)
# A write of the status leaves the spec alone, and is far more frequent: it is told by one comparison, not by
# one of each field. A write of the spec leaves the status alone.
_IS_OF_STATUS = (
    "has(oldSelf.status) && has(oldSelf.status.writes) && self.status.writes != oldSelf.status.writes"
)


def immutability_rules(spec: JSONObject) -> tuple[Rule, ...]:
    """The rules for a spec of that schema. They belong to the run, because only there is its status."""
    return tuple(
        Rule(path, f"{_IS_OF_STATUS} || {same} || {_MAY_CHANGE}", _SENTENCE, reason=FORBIDDEN)
        for path, same in _frozen(spec, "spec")
    )


def _frozen(schema: JSONObject, path: str, unless: str = "") -> Iterator[tuple[str, str]]:
    """Each field below an object that must not change, and the expression that it did not."""
    for name, field in schema["properties"].items():
        inner = f"{path}.{name}"
        if _is_mutable(inner):
            continue
        is_optional = name not in schema.get("required", ()) and "default" not in field
        new, old = f"has(self.{inner})", f"has(oldSelf.{inner})"
        if "properties" not in field:
            same = _same(inner, field)
            yield inner, unless + (f"{new} == {old} && (!{new} || {same})" if is_optional else same)
            continue
        if is_optional:
            yield inner, f"{unless}{new} == {old}"
        # An object that was added or removed is reported itself, not every field in it.
        yield from _frozen(field, inner, f"{unless}!{new} || !{old} || " if is_optional else unless)


def _is_mutable(path: str) -> bool:
    _, section, *more = path.split(".")
    if section == "phases":
        return len(more) > 1 and more[1] in MUTABLE_IN_PHASES
    return section in MUTABLE


def _same(path: str, field: JSONObject) -> str:
    """Equality. Of lists that are maps CEL ignores the order, so that is compared too."""
    if field.get("x-kubernetes-list-type") != "map":
        return f"self.{path} == oldSelf.{path}"
    names = field["items"]["properties"]
    columns = (f"self.{path}.map(t, t.{name}) == oldSelf.{path}.map(t, t.{name})" for name in names)
    return f"({' && '.join(columns)})"
