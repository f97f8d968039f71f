"""Where a control plane's binaries come from.

In this order: the folder `KUBEBUILDER_ASSETS` (the convention of Go projects), PATH, the user's cache, and
else they are built from Debian's source package into the cache, once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

CACHE = platformdirs.user_cache_path("collectiverun")
BUILT = CACHE / "kubernetes-1.20.2"
SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CONTROL_PLANE = ("etcd", *SERVERS)
_ASSETS = "KUBEBUILDER_ASSETS"
_SCRIPT = Path(__file__).with_name("build_kubernetes.sh")


class MissingBinaryError(RuntimeError):
    """A binary is not where it was said to be, or can't be made on this machine."""


@dataclass(frozen=True)
class Binaries:
    """The programs of a control plane. The three servers are of one version, because of one folder."""

    etcd: Path
    servers: Path

    @property
    def api_server(self) -> Path:
        """kube-apiserver."""
        return self.servers / "kube-apiserver"

    @property
    def controller_manager(self) -> Path:
        """kube-controller-manager."""
        return self.servers / "kube-controller-manager"

    @property
    def scheduler(self) -> Path:
        """kube-scheduler."""
        return self.servers / "kube-scheduler"

    @property
    def minor_version(self) -> int:
        """20 of v1.20.2."""
        said = subprocess.run([self.api_server, "--version"], capture_output=True, text=True, check=True)
        return int(said.stdout.split("v", 1)[1].split(".")[1])


def control_plane_binaries() -> Binaries:
    """The binaries; MissingBinaryError says what to do where there are none."""
    return _named() or _on_path() or _built()


def kubelet_binary() -> Path:
    """The kubelet, for a node with real containers."""
    named = os.environ.get(_ASSETS)
    places = [Path(named)] if named else []
    found = next((place / "kubelet" for place in (*places, BUILT) if (place / "kubelet").exists()), None)
    return found or _build() / "kubelet"


def _named() -> Binaries | None:
    named = os.environ.get(_ASSETS)
    if not named:
        return None
    folder = Path(named)
    missing = [name for name in SERVERS if not (folder / name).exists()]
    if missing:
        raise MissingBinaryError(
            f"{_ASSETS}={named} has no {', '.join(missing)}: put them there, or unset it to have them built."
        )
    return Binaries(_etcd(folder), folder)


def _on_path() -> Binaries | None:
    found = shutil.which("kube-apiserver")
    folder = Path(found).parent if found else None
    if folder is None or not all((folder / name).exists() for name in SERVERS):
        return None
    return Binaries(_etcd(folder), folder)


def _built() -> Binaries:
    folder = BUILT if BUILT.exists() else _build()
    return Binaries(folder / "etcd", folder)


def _etcd(folder: Path) -> Path:
    found = folder / "etcd" if (folder / "etcd").exists() else shutil.which("etcd")
    if not found:
        raise MissingBinaryError(f"No etcd in {folder} nor on PATH: install it (on Debian: etcd-server).")
    return Path(found)


def _build() -> Path:
    """Build into the cache; of several processes one builds and the others wait."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "kubernetes.lock"):
        if not BUILT.exists():
            outcome = subprocess.run(["bash", _SCRIPT, BUILT], stdout=sys.stderr)
            if outcome.returncode:
                raise MissingBinaryError("The control plane's binaries could not be built; see above why.")
    return BUILT
