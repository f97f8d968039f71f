"""The CRD on an API server: runs can be created once it is established."""

from __future__ import annotations

import json
from collections.abc import Callable

from waiting import eventually

NAME = "collectiveruns.collectiverl.io"


def wait_until_established(kubectl: Callable[..., str]) -> None:
    """Ask again and again: `kubectl wait` itself fails while the definition has no conditions at all."""
    eventually(lambda: _is_established(kubectl), "the definition is established")


def _is_established(kubectl: Callable[..., str]) -> bool:
    definition = json.loads(kubectl("get", "crd", NAME, "--output", "json"))
    conditions = definition.get("status", {}).get("conditions") or []
    return any(found["type"] == "Established" and found["status"] == "True" for found in conditions)
