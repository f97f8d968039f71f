"""A running containerd, as its own command line client sees it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KUBERNETES = "k8s.io"  # containerd's own namespace for what the kubelet sees


@dataclass(frozen=True)
class Containerd:
    """One containerd, by its socket."""

    socket: Path

    def answers(self) -> bool:
        """Whether it does."""
        return self._run("version").returncode == 0

    def ctr(self, *arguments: str) -> list[str]:
        """Words that `ctr` prints. Raises RuntimeError if it fails."""
        done = self._run(*arguments)
        if done.returncode:
            raise RuntimeError(f"ctr {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout.split()

    def remove_containers(self) -> None:
        """Those of a session that was killed; their processes are gone already."""
        for name in self.ctr("containers", "list", "--quiet"):
            self.ctr("containers", "delete", name)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "--address", str(self.socket), "--namespace", _KUBERNETES, *arguments]
        return subprocess.run(command, capture_output=True, text=True)
