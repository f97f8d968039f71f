"""A real node on this machine: containerd, runc and the kubelet, in namespaces that end with the session.

Nothing of it outlives the process that started it, however that ends: the kernel kills every process of the
node's process namespace with its first one, and drops its mounts and its network with the last. What is on
record of its Pods is in a folder that each node makes anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psutil
from e2e import cgroups, node_files
from e2e.container_images import CACHE, ImageStore
from e2e.containerd import Containerd
from e2e.own_network import NODE_ADDRESS
from e2e.own_processes import NAMESPACES
from testbed.processes.daemon import Daemon
from testbed.processes.left_running import has_ended
from testbed.programs.binaries import containerd_folder, kubelet_binary
from testbed.waiting import eventually

# Whoever has it may start a node: there is one at a time.
LOCK = CACHE / "node.lock"
# containerd's. Beside buildah's store, because there can be links to what is on the same disk only.
_STORE = CACHE / "node"
_INIT = Path(__file__).with_name("node-init")
_LOG_EXCERPT = 5000


def clear() -> None:
    """Remove what a node leaves, killed or not, whose processes have all ended."""
    cgroups.remove()
    if _STORE.exists():
        shutil.rmtree(_STORE)


class Node(Daemon):
    """One node that has these images, with its files in `folder`."""

    def __init__(self, name: str, folder: Path, kubeconfig: Path, images: Sequence[str]) -> None:
        self._folder = folder
        self._containerd = Containerd(folder / "containerd.sock")
        self._kubeconfig = kubeconfig
        self._images = images
        command = [*NAMESPACES, "bash", str(_INIT), str(folder), str(kubelet_binary()), name, NODE_ADDRESS]
        # First on the path, because there containerd looks for its shim, and the machine may have another.
        path = os.pathsep.join([str(containerd_folder()), os.environ["PATH"]])
        super().__init__("node", command, folder, os.environ | {"PATH": path})

    def start(self) -> Self:
        """Start containerd, then the kubelet. Raises BuildError if an image is not built."""
        self._folder.mkdir(parents=True, exist_ok=True)
        clear()
        cgroups.make_empty()
        node_files.write(self._folder, _STORE, self._containerd.socket)
        shutil.copy(self._kubeconfig, self._folder / "kubeconfig")
        super().start()
        self.wait_until(self._containerd.answers)
        store = ImageStore()
        images = {name: store.image(name) for name in self._images}
        self._containerd.add_images(images, self._folder / "image.tar")
        (self._folder / "ready-for-kubelet").touch()
        return self

    def kill(self) -> None:
        """End it with everything that runs on it."""
        if self.is_running:
            family = psutil.Process(self.pid).children(recursive=True)
            super().kill()
            eventually(lambda: all(map(has_ended, family)), "the end of what ran on the node")
        clear()

    def logs(self) -> str:
        """The ends of its logs, to see why it did not do what it should."""
        texts = {path.name: path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log"))}
        return "\n".join(f"--- {name}\n{text[-_LOG_EXCERPT:]}" for name, text in texts.items())
