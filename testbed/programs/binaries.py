"""Where the programs of a control plane and its node come from.

The folder `KUBEBUILDER_ASSETS` if that is set (the convention of Go projects), else the user's cache, into
which they are built once (`building.py`).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed.programs import building
from testbed.programs.building import BuildError

SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_ASSETS = "KUBEBUILDER_ASSETS"


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
    def version(self) -> str:
        """Such as v1.37.2."""
        said = subprocess.run([self.api_server, "--version"], capture_output=True, text=True, check=True)
        return said.stdout.split()[-1]


def control_plane_binaries() -> Binaries:
    """The binaries; MissingBinaryError says what to do where there are none."""
    named = _named()
    if named is None:
        servers, etcd = _built("kubernetes", "etcd")
        return Binaries(etcd / "etcd", servers)
    missing = [name for name in ("etcd", *SERVERS) if not (named / name).exists()]
    if missing:
        raise MissingBinaryError(
            f"{_ASSETS}={named} has no {', '.join(missing)} (envtest ships etcd, kube-apiserver and kubectl"
            " only): put them there, of the same release, or unset it to have all of them built."
        )
    return Binaries(named / "etcd", named)


def kubectl() -> Path:
    """The program kubectl, of the servers' release."""
    return _server_or_built("kubectl")


def kubelet_binary() -> Path:
    """The kubelet, for a node with real containers."""
    return _server_or_built("kubelet")


def containerd_folder() -> Path:
    """The folder with containerd, ctr and the shim."""
    return _built("containerd")[0]


def kueue_folder() -> Path:
    """The folder with Kueue's manager, its definitions and webhooks."""
    return _built("kueue")[0]


def _named() -> Path | None:
    named = os.environ.get(_ASSETS)
    return Path(named) if named else None


def _server_or_built(name: str) -> Path:
    named = _named()
    is_named = named is not None and (named / name).exists()
    return (named if is_named and named else _built("kubernetes")[0]) / name


def _built(*modules: str) -> list[Path]:
    try:
        return building.built(*modules)
    except BuildError as error:
        raise MissingBinaryError(str(error)) from None
