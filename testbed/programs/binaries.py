"""Where the programs of a control plane and its node are.

In the folder `KUBEBUILDER_ASSETS` if that is set (the convention of Go projects), else in the user's cache,
into which they are built once (`building.py`).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed.programs import BuildError, building

SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_ASSETS = "KUBEBUILDER_ASSETS"


class MissingBinaryError(BuildError):
    """The folder that KUBEBUILDER_ASSETS names lacks a program."""


@dataclass(frozen=True)
class Binaries:
    """etcd, and the folder with the SERVERS, which are of one version because they are in one folder."""

    etcd: Path
    servers: Path

    @property
    def version(self) -> str:
        """Such as v1.37.2."""
        command = [str(self.servers / "kube-apiserver"), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]


def control_plane_binaries() -> Binaries:
    """The programs of a control plane. Raises MissingBinaryError, or BuildError."""
    assets = os.environ.get(_ASSETS)
    if not assets:
        servers, etcd = building.built("kubernetes", "etcd")
        return Binaries(etcd / "etcd", servers)
    missing = [name for name in ("etcd", *SERVERS) if not Path(assets, name).exists()]
    if missing:
        raise MissingBinaryError(
            f"{_ASSETS}={assets} has no {', '.join(missing)} (envtest ships etcd, kube-apiserver and kubectl"
            " only): put them there, of the same release, or unset it to have all of them built."
        )
    return Binaries(Path(assets, "etcd"), Path(assets))


def kubectl() -> Path:
    """The program kubectl, of the servers' release. Raises BuildError."""
    return _program("kubectl")


def kubelet_binary() -> Path:
    """The kubelet, for a node with real containers. Raises BuildError."""
    return _program("kubelet")


def containerd_folder() -> Path:
    """The folder with containerd, ctr and the shim. Raises BuildError."""
    return building.built("containerd")[0]


def kueue_folder() -> Path:
    """The folder with Kueue's manager, its definitions and webhooks. Raises BuildError."""
    return building.built("kueue")[0]


def _program(name: str) -> Path:
    """In the folder that is named, or built where that has none."""
    assets = os.environ.get(_ASSETS)
    if assets and Path(assets, name).exists():
        return Path(assets, name)
    return building.built("kubernetes")[0] / name
