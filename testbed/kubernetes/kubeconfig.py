"""Kubeconfig files: who may come in, and where."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path


def write_kubeconfig(path: Path, url: str, authority: Path, token: str, namespace: str = "default") -> Path:
    """Write the file in one step, so that whoever reads it again finds the old token or the new one."""
    certificate = base64.b64encode(authority.read_bytes()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [
            {"name": "testbed", "cluster": {"server": url, "certificate-authority-data": certificate}}
        ],
        "users": [{"name": "testbed", "user": {"token": token}}],
        "contexts": [
            {
                "name": "testbed",
                "context": {"cluster": "testbed", "user": "testbed", "namespace": namespace},
            }
        ],
    }
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(document, file)
    partial.replace(path)
    return path
