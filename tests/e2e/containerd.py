"""A running containerd, as its own command line client sees it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed.programs.binaries import containerd_folder

_KUBERNETES = "k8s.io"  # containerd's own namespace for what the kubelet sees
_UNFINISHED = "unfinished"
_NOWHERE = "/nowhere"


@dataclass(frozen=True)
class Containerd:
    """One containerd, by its socket."""

    socket: Path

    def answers(self) -> bool:
        """Whether it does."""
        return self._run("version").returncode == 0

    def names(self, kind: str) -> list[str]:
        """First words of a list of `ctr`, such as of `sandboxes`, without its heading."""
        lines = self._ctr(kind, "list").splitlines()[1:]
        return [line.split()[0] for line in lines if line.strip()]

    def import_image(self, archive: Path) -> None:
        """Take an image in. Of layers that it has already, the archive needs the names only."""
        self._ctr("images", "import", str(archive))

    def link_layer(self, folder: Path, name: str, below: str | None) -> None:
        """Have a layer of an image as a snapshot that is made of the folder's very files: links, not copies.

        Nothing writes to a layer's files, neither here nor where they come from.
        """
        self._ctr("snapshots", "prepare", _UNFINISHED, *filter(None, [below]))
        # What is in the folder: its own rights are the builder's and no part of the image.
        if files := list(folder.iterdir()):
            upper = self._upper_folder()
            subprocess.run(["cp", "--archive", "--link", f"--target-directory={upper}", *files], check=True)
        self._ctr("snapshots", "commit", name, _UNFINISHED)

    def _upper_folder(self) -> str:
        """Where the unfinished snapshot has its own files, which of the lowest layer are all there are."""
        mount = self._ctr("snapshots", "mounts", _NOWHERE, _UNFINISHED).split()
        options = dict(word.partition("=")[::2] for word in mount[-1].split(","))
        return options.get("upperdir") or mount[mount.index(_NOWHERE) - 1]

    def _ctr(self, *arguments: str) -> str:
        """What `ctr` prints. Raises RuntimeError if it fails."""
        done = self._run(*arguments)
        if done.returncode:
            raise RuntimeError(f"ctr {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        ctr = containerd_folder() / "ctr"
        command = [str(ctr), "--address", str(self.socket), "--namespace", _KUBERNETES, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)
