"""A running containerd, as its own command line client sees it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.stored_image import StoredImage
from testbed.kubernetes.client_tools import CommandError, run
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
        try:
            self._ctr("version")
        except CommandError:
            return False
        return True

    def names(self, kind: str) -> list[str]:
        """First words of a list of `ctr`, such as of `sandboxes`, without its heading."""
        lines = self._ctr(kind, "list").splitlines()[1:]
        return [line.split()[0] for line in lines if line.strip()]

    def add_images(self, images: Mapping[str, StoredImage], archive: Path) -> None:
        """Import images, by their names, into a containerd that has none; `archive` is a temporary file.

        Archives with all layers would be 6 GB, to be written, read and unpacked: minutes, and all of it twice
        on the disk. buildah and containerd both keep a layer as a folder for the kernel's overlay file
        system, so these layers are made of links to the same files, in seconds.
        """
        linked: set[str] = set()
        for name, image in images.items():
            below = None
            for layer in image.layers():
                if layer.chain not in linked:
                    self._link_layer(layer.folder, layer.chain, below)
                    linked.add(layer.chain)
                below = layer.chain
            image.write_description(archive, name)
            self._ctr("images", "import", str(archive))
        archive.unlink()

    def _link_layer(self, folder: Path, name: str, below: str | None) -> None:
        """Make a snapshot of links to the files of a layer, which nothing writes to."""
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
        """What `ctr` prints. Raises CommandError if it fails."""
        ctr = containerd_folder() / "ctr"
        command = [str(ctr), "--address", str(self.socket), "--namespace", _KUBERNETES, *arguments]
        return run(command, os.environ)
