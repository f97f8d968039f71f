"""kubectl and helm as a person would type them, against one cluster."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from testbed.programs.binaries import kubectl
from testbed.programs.helm import helm


class CommandError(subprocess.CalledProcessError):
    """A command that failed; `stderr` is what it said."""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.stdout}{self.stderr}"


class ClusterCommands:
    """Runs the tools with one kubeconfig; their caches lie in `folder`, a person's are not touched."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(folder / "kubectl"),
            "HELM_CACHE_HOME": str(folder / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(folder / "helm" / "config"),
            "HELM_DATA_HOME": str(folder / "helm" / "data"),
        }

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints. Raises CommandError if it fails."""
        return run([str(kubectl()), *arguments], self.environment, stdin)

    def helm(self, *arguments: str) -> str:
        """What helm prints. Raises CommandError if it fails."""
        return run([str(helm()), *arguments], self.environment)


def run(command: list[str], environment: Mapping[str, str], stdin: str | None = None) -> str:
    """What a command prints. Raises CommandError if it fails."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=dict(environment), check=False
    )
    if done.returncode:
        raise CommandError(done.returncode, command, done.stdout, done.stderr)
    return done.stdout
