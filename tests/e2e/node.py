"""A real node on this machine: containerd, runc and the kubelet, in namespaces that end with the session.

Nothing of it outlives the process that started it, however that ends: the kernel kills every process of the
node's process namespace with its first one, and drops its mounts and its network with the last.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from cluster.binaries import kubelet_binary
from cluster.daemon import Daemon
from e2e import cgroups, node_files
from e2e.containerd import Containerd
from e2e.image_import import IMAGES, check_images
from e2e.own_network import NODE_ADDRESS

_INIT = Path(__file__).with_name("node-init")
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_LOG_EXCERPT = 5000


class Node:
    """One node, with its files in `folder`; images stay imported in the user's cache folder."""

    def __init__(self, name: str, folder: Path, kubeconfig: Path) -> None:
        self.folder = folder
        self._containerd = Containerd(folder / "containerd.sock")
        self._kubeconfig = kubeconfig
        command = [*_NAMESPACES, "bash", str(_INIT), str(folder), str(kubelet_binary()), name, NODE_ADDRESS]
        self.daemon = Daemon("node", command, folder)

    def start(self, images: Sequence[str]) -> None:
        """Start containerd, then the kubelet. Raises MissingImageError if an image is not imported."""
        self.folder.mkdir(parents=True, exist_ok=True)
        cgroups.make_empty()
        node_files.write(self.folder, IMAGES, self._containerd.socket)
        shutil.copy(self._kubeconfig, self.folder / "kubeconfig")
        self.daemon.start()
        self.daemon.wait_until(self._containerd.answers)
        self._containerd.remove_containers()
        check_images(self._containerd, images)
        (self.folder / "ready-for-kubelet").touch()

    def stop(self) -> None:
        """End it with everything that runs on it."""
        self.daemon.kill()
        cgroups.remove()

    def logs(self) -> str:
        """The ends of its logs, for a look at why it did not do what it should."""
        texts = {path.name: path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log"))}
        return "\n".join(f"--- {name}\n{text[-_LOG_EXCERPT:]}" for name, text in texts.items())
