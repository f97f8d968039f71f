"""The CRD on an API server: runs can be created once it is served."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from testbed import ROOT
from testbed.kubernetes.client_tools import CommandError
from testbed.waiting import eventually

CRD = ROOT / "crds" / "collectiveruns.yaml"
NAME = "collectiveruns.collectiverl.io"


def install_crd(kubectl: Callable[..., str], crd: Path = CRD) -> None:
    """Apply the CRD and wait until runs can be created."""
    kubectl("apply", "--filename", str(crd))
    wait_until_established(kubectl)


def wait_until_established(kubectl: Callable[..., str]) -> None:
    """Wait until the CRD is established, and served, which follows a moment later.

    `kubectl wait` would fail while the CRD has no conditions at all.
    """
    eventually(lambda: _is_established(kubectl), "the CRD is established")
    eventually(lambda: _is_served(kubectl), "runs are served")


def _is_established(kubectl: Callable[..., str]) -> bool:
    crd = json.loads(kubectl("get", "crd", NAME, "--output", "json"))
    conditions = crd.get("status", {}).get("conditions") or []
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)


def _is_served(kubectl: Callable[..., str]) -> bool:
    try:
        kubectl("get", NAME, "--all-namespaces", "--output", "name")
    except CommandError as error:
        if "the server doesn't have a resource type" in error.stderr or "NotFound" in error.stderr:
            return False
        raise
    return True
