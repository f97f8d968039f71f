"""A run named quickstart that has gone through on this machine, and the command in the hands of its owner."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from contract.collectiverun_command import COMMAND, WAIT_SECONDS, finish, start
from support.run_bodies import scripted_run_body


@dataclass(frozen=True)
class FinishedRun:
    """A run of all phases that no part of is optional; its state directory lies in a cache of its own."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> FinishedRun:
        """Drive it to its end, with budgets of seconds."""
        body = scripted_run_body("quickstart", {"uri": f"file://{folder}/storage"})
        path = folder / "run.yaml"
        path.write_text(yaml.safe_dump(body))
        code, _, stderr = finish(start(path, smoke=False))
        assert code == 0, stderr
        return cls(folder)

    @property
    def cache(self) -> Path:
        """Where its state directory lies."""
        return self.folder / "cache"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of its owner, as far as commands look at it."""
        return {"COLLECTIVERUN_CACHE": str(self.cache), "OMP_NUM_THREADS": "1"}

    @property
    def elsewhere(self) -> Path:
        """The folder that commands are given in, which has nothing to do with the run."""
        folder = self.folder / "elsewhere"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def root(self) -> Path:
        """Its folder in storage."""
        (found,) = (self.folder / "storage/default").glob("quickstart-????????")
        return found

    def python(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program in another folder, by the Python that everything is installed in."""
        return self._run([sys.executable, "-c", program])

    def command(
        self, *arguments: str, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`collectiverun …`, not on a terminal; `variables` are added to its environment."""
        return self._run([str(COMMAND), *arguments], variables)

    def _run(
        self, words: list[str], variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        own = {**self.variables, **(variables or {})}
        environment = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"} | own
        return subprocess.run(
            words,
            cwd=self.elsewhere,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
        )
