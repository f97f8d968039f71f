"""The CRD on an API server: runs can be created once it is established."""

from __future__ import annotations

import json
from collections.abc import Callable

from testbed.kubernetes.client_tools import CommandError
from testbed.waiting import eventually

NAME = "collectiveruns.collectiverl.io"


def wait_until_established(kubectl: Callable[..., str]) -> None:
    """Ask again and again: `kubectl wait` itself fails while the definition has no conditions at all.

    The server serves what is established, and names it among what it serves, a moment later.
    """
    eventually(lambda: _is_established(kubectl), "the definition is established")
    eventually(lambda: _is_served(kubectl), "runs are served")


def _is_established(kubectl: Callable[..., str]) -> bool:
    definition = json.loads(kubectl("get", "crd", NAME, "--output", "json"))
    conditions = definition.get("status", {}).get("conditions") or []
    return any(found["type"] == "Established" and found["status"] == "True" for found in conditions)


def _is_served(kubectl: Callable[..., str]) -> bool:
    try:
        kubectl("get", NAME, "--all-namespaces", "--output", "name")
    except CommandError as error:
        if "the server doesn't have a resource type" in error.stderr or "NotFound" in error.stderr:
            return False
        raise
    return True
