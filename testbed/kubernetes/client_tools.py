"""kubectl and helm as a person would type them, against one cluster."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from testbed import JSONObject
from testbed.programs.binaries import kubectl
from testbed.programs.helm import helm


class CommandError(subprocess.CalledProcessError):
    """A command that failed; `stderr` is what it printed."""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.stdout}{self.stderr}"


class ClusterCommands:
    """Runs the tools with one kubeconfig, in one namespace. Every method raises CommandError if they fail.

    Without a namespace it is that of the kubeconfig, or of the objects. Their caches lie in `folder`, apart
    from those of the user, and of a cluster that had the same address.
    """

    def __init__(self, kubeconfig: Path, folder: Path, namespace: str = "") -> None:
        self._in_namespace = ("--namespace", namespace) if namespace else ()
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(folder / "kubectl"),
            "HELM_CACHE_HOME": str(folder / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(folder / "helm" / "config"),
            "HELM_DATA_HOME": str(folder / "helm" / "data"),
        }

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints."""
        return run([str(kubectl()), *self._in_namespace, *arguments], self.environment, stdin)

    def helm(self, *arguments: str) -> str:
        """What helm prints."""
        return run([str(helm()), *arguments], self.environment)

    def get(self, *arguments: str) -> JSONObject:
        """An object, or a list of objects below `items`, as the API server has it."""
        document: JSONObject = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        return document

    def apply(self, *documents: JSONObject, namespace: str = "", server_side: bool = False) -> None:
        """`kubectl apply` of documents, in another namespace if one is given."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        in_namespace = ("--namespace", namespace) if namespace else ()
        by_server = ("--server-side",) if server_side else ()
        self.kubectl("apply", *in_namespace, *by_server, "--filename", "-", stdin=text)


def run(command: list[str], environment: Mapping[str, str], stdin: str | None = None) -> str:
    """What a command prints. Raises CommandError if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise CommandError(done.returncode, command, done.stdout, done.stderr)
    return done.stdout
