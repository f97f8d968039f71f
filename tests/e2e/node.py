"""A real node on this machine: containerd, runc and the kubelet, in namespaces that end with the session.

Nothing of it outlives the process that started it, however that ends: the kernel kills every process of the
node's process namespace with its first one, and drops its mounts and its network with the last.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cluster.binaries import kubelet_binary
from cluster.daemon import Daemon
from e2e import cgroups, node_files
from e2e.container_images import CACHE, ImageStore
from e2e.own_network import NODE_ADDRESS

_INIT = Path(__file__).with_name("node-init")
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_KUBERNETES = "k8s.io"  # containerd's own namespace for what the kubelet sees


class Node:
    """One node, with its files in `folder`; images stay imported in the user's cache folder."""

    def __init__(self, name: str, folder: Path, kubeconfig: Path) -> None:
        self.folder = folder
        self._socket = folder / "containerd.sock"
        self._images = CACHE / "containerd"
        self._kubeconfig = kubeconfig
        command = [*_NAMESPACES, "bash", str(_INIT), str(folder), str(kubelet_binary()), name, NODE_ADDRESS]
        self.daemon = Daemon("node", command, folder)

    def start(self, images: Sequence[str]) -> None:
        """Start containerd, see to it that it has the images, then start the kubelet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        cgroups.make_empty()
        node_files.write(self.folder, self._images, self._socket)
        shutil.copy(self._kubeconfig, self.folder / "kubeconfig")
        self.daemon.start()
        self.daemon.wait_until(self._containerd_answers)
        self._remove_containers()
        for image in images:
            self._import(image)
        (self.folder / "ready-for-kubelet").touch()

    def stop(self) -> None:
        """End it with everything that runs on it."""
        self.daemon.kill()
        cgroups.remove()

    def logs(self) -> str:
        """The ends of its logs, for a look at why it did not do what it should."""
        texts = {path: path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log"))}
        return "\n".join(f"--- {path.name}\n{text[-3000:]}" for path, text in texts.items())

    def _containerd_answers(self) -> bool:
        return self._ctr("version", check=False).returncode == 0

    def _remove_containers(self) -> None:
        """Those of a session that was killed; their processes are gone already."""
        for name in self._ctr("containers", "list", "--quiet").stdout.split():
            self._ctr("containers", "delete", name)

    def _import(self, image: str) -> None:
        store = ImageStore()
        record = self._images / "imported.json"
        imported = json.loads(record.read_text()) if record.exists() else {}
        wanted = store.image_id(image)
        if imported.get(image) == wanted:
            return
        archive = self.folder / "image.tar"
        store.save(image, archive)
        self._ctr("images", "import", str(archive))
        archive.unlink()
        record.write_text(json.dumps({**imported, image: wanted}))

    def _ctr(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "--address", str(self._socket), "--namespace", _KUBERNETES, *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
        return done
