"""kubectl in one namespace, as a user types it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.kubernetes.client_tools import CommandError, run
from testbed.programs import binaries
from testbed.waiting import eventually

JSONObject = dict[str, Any]


class RefusedError(CommandError):
    """kubectl failed; the message is what it printed."""

    def __str__(self) -> str:
        return str(self.stderr)


@dataclass(frozen=True)
class Kubectl:
    """Call it with the words of a command line."""

    kubeconfig: Path
    namespace: str = "default"

    def __call__(self, *words: str, document: JSONObject | None = None) -> str:
        """What it prints. Raises RefusedError."""
        command = [str(binaries.kubectl()), "--namespace", self.namespace, *words]
        # A cache of its own: another cluster may have had the same address.
        cache = str(self.kubeconfig.parent / "kubectl")
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": cache}
        try:
            return run(command, environment, "" if document is None else json.dumps(document))
        except CommandError as error:
            raise RefusedError(error.returncode, command, error.stdout, error.stderr) from None

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
        eventually(self._knows_fields, "the definition's fields as the server publishes them")

    def _knows_fields(self) -> bool:
        try:
            return "spec" in self("explain", "collectiverun")
        except RefusedError:
            return False
