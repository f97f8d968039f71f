"""kubectl in one namespace, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import client_tools

JSONObject = dict[str, Any]


class RefusedError(Exception):
    """kubectl failed; the message is what it printed."""


@dataclass(frozen=True)
class Kubectl:
    """Call it with the words of a command line."""

    kubeconfig: Path
    namespace: str = "default"

    def __call__(self, *words: str, document: JSONObject | None = None) -> str:
        """What it prints. Raises RefusedError."""
        command = [str(client_tools.kubectl()), "--namespace", self.namespace, *words]
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        text = "" if document is None else json.dumps(document)
        result = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, check=False
        )
        if result.returncode:
            raise RefusedError(result.stderr)
        return result.stdout

    def apply(self, run: JSONObject, *options: str) -> str:
        """Apply a run."""
        return self("apply", "--filename", "-", *options, document=run)

    def get(self, name: str) -> JSONObject:
        """A run as the server has it."""
        found: JSONObject = json.loads(self("get", "collectiverun", name, "--output", "json"))
        return found

    def write_status(self, name: str, status: JSONObject) -> None:
        """Replace a run's status."""
        patch = json.dumps({"status": status})
        self("patch", "collectiverun", name, "--subresource=status", "--type=merge", "--patch", patch)

    def wait_for_fields(self) -> None:
        """Until the server publishes the definition's fields, a little after it serves them."""
        deadline = time.monotonic() + 60
        while not self._knows_fields():
            assert time.monotonic() < deadline, "the server does not publish the definition's fields"
            time.sleep(0.2)

    def _knows_fields(self) -> bool:
        try:
            return "spec" in self("explain", "collectiverun")
        except RefusedError:
            return False
