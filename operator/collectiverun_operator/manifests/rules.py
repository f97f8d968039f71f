"""CEL rules with which the API server refuses at once what the operator would: same field, same sentence.

The operator checks all of them too (`api/validation.py`, `api/immutability.py` and the models' validators):
an older definition may have let a run in. What the schema expresses (bounds, repeated tasks) has no rule.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter

from collectiverun_operator.json_types import JSONObject

FORBIDDEN, REQUIRED = "FieldValueForbidden", "FieldValueRequired"


@dataclass(frozen=True)
class Rule:
    """A condition on `self`, and the sentence if it does not hold.

    `path` is the field to change, below the object the rule belongs to: an object with a default takes no
    rules, because the server evaluates them on the default before it fills in nested defaults.
    `values` is CEL for the placeholders in `sentence`. The server prints path and reason before it.
    `about` are the fields the rule reads: while they are as stored, it counts as kept. The server does that
    itself (ratcheting), except in objects that hold parts of a Pod, whose fields it does not know. Otherwise
    the status of a run that an older definition let in could not be written.
    """

    path: str
    rule: str
    sentence: str
    values: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    about: tuple[str, ...] = ()

    def as_json(self) -> JSONObject:
        """The rule as an entry of x-kubernetes-validations."""
        message = {"messageExpression": self._expression()} if self.values else {"message": self.sentence}
        path = {"fieldPath": f".{self.path}"} if self.path else {}
        reason = {"reason": self.reason} if self.reason else {}
        return self._rule() | message | path | reason

    def _rule(self) -> JSONObject:
        if not self.about:
            return {"rule": self.rule}
        same = (f"self.{path} == oldSelf.value().{path}" for path in self.about)
        unchanged = " && ".join(("oldSelf.hasValue()", *same))
        return {"rule": f"{self.rule} || {unchanged}", "optionalOldSelf": True}

    def _expression(self) -> str:
        # With format: concatenating a number to a string exceeds the server's cost limit (1.34 to 1.37).
        parts = list(Formatter().parse(self.sentence))
        text = "".join(text + ("" if name is None else "%s") for text, name, _, _ in parts)
        values = ", ".join(self.values[name] for _, name, _, _ in parts if name is not None)
        return f"{json.dumps(text)}.format([{values}])"


def with_rules(schema: JSONObject, rules: Mapping[str, tuple[Rule, ...]]) -> JSONObject:
    """A copy of a schema with rules, by the path of the object or list they belong to (`spec.tasks`)."""
    schema = copy.deepcopy(schema)
    for path, path_rules in rules.items():
        _at(schema, path)["x-kubernetes-validations"] = [rule.as_json() for rule in path_rules]
    return schema


def _at(schema: JSONObject, path: str) -> JSONObject:
    for name in filter(None, path.split(".")):
        schema = schema["properties"][name]
    return schema
