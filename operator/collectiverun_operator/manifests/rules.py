"""Rules in CEL, the language in which the API server (1.25 and later) checks more than types."""

from __future__ import annotations

from typing import Any

JSONObject = dict[str, Any]


def with_rules(schema: JSONObject) -> JSONObject:
    """A copy with the rules at the fields they are about."""
    return schema
