"""helm and kubectl against one cluster."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chart.rendering import CHART
from cluster.client_tools import helm, kubectl

JSONObject = dict[str, Any]
LIMIT_SECONDS = 120.0


class CommandError(Exception):
    """A command that failed; the message is what it printed."""


@dataclass(frozen=True)
class Clients:
    """The command line clients of whoever `kubeconfig` names. Helm's own files lie in `home`."""

    kubeconfig: Path
    home: Path

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """What kubectl prints. Raises CommandError."""
        return self._run([str(kubectl()), *words], stdin)

    def helm(self, *words: str) -> str:
        """What Helm prints. Raises CommandError."""
        return self._run([str(helm()), *words])

    def install(self, release: str, namespace: str, *values: str, verb: str = "install") -> str:
        """Install or upgrade the chart, without waiting for its Pod. Values may be options too."""
        settings = [word for value in values for word in _option(value)]
        return self.helm(verb, release, str(CHART), "--namespace", namespace, *settings)

    def uninstall_all(self, namespace: str) -> None:
        """Uninstall every release of a namespace."""
        for release in self.helm("list", "--namespace", namespace, "--short").split():
            self.helm("uninstall", release, "--namespace", namespace)

    def apply(self, *objects: JSONObject) -> None:
        """Create these objects, as `kubectl create` would."""
        for document in objects:
            self.kubectl("create", "--filename", "-", stdin=json.dumps(document))

    def get(self, *words: str) -> JSONObject:
        """An object, or a list of them, as the server has it."""
        found: JSONObject = json.loads(self.kubectl("get", *words, "--output", "json"))
        return found

    def names(self, *words: str) -> set[str]:
        """Names of the objects found, as kind/name."""
        return set(self.kubectl("get", *words, "--output", "name").split())

    def can(self, user: str, *words: str) -> bool:
        """Whether a user may do this."""
        try:
            self.kubectl("auth", "can-i", *words, "--as", user)
        except CommandError:
            return False
        return True

    def _run(self, command: list[str], stdin: str = "") -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), **helm_folders(self.home)}
        result = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=environment, check=False
        )
        if result.returncode:
            raise CommandError(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
        return result.stdout


def _option(value: str) -> list[str]:
    return ["--set", value] if "=" in value and not value.startswith("--") else [value]


def helm_folders(home: Path) -> dict[str, str]:
    """Helm's own folders, so that a person's are not touched."""
    words = ("CACHE", "CONFIG", "DATA")
    return {f"HELM_{word}_HOME": str(home / "helm" / word.lower()) for word in words}


def until(what: str, holds: Callable[[], bool], limit_seconds: float = LIMIT_SECONDS) -> None:
    """Wait until something holds; fail with its name if it does not."""
    deadline = time.monotonic() + limit_seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_seconds:.0f} s: {what}"
        time.sleep(0.2)
