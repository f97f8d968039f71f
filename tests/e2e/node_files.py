"""What containerd, the Pods' network and the kubelet read."""

from __future__ import annotations

import json
from pathlib import Path

from e2e import cgroups
from e2e.container_images import PAUSE
from e2e.own_network import BRIDGE, NODE_ADDRESS, POD_SUBNET

_CONTAINERD = """
version = 2
root = "{images}"
state = "{state}"
disabled_plugins = [{unused}]
[grpc]
address = "{socket}"
[ttrpc]
address = "{socket}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{network}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "runc"
SystemdCgroup = false
"""
_STATE = Path("/run/containerd")  # in the node, /run is its own
_UNUSED = [f"io.containerd.snapshotter.v1.{name}" for name in ("aufs", "btrfs", "devmapper", "zfs")]

# Pods see each other and the node, and nothing else: the network has no way out.
_NETWORK = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": BRIDGE,
            "ipam": {
                "type": "host-local",
                "subnet": POD_SUBNET,
                "rangeStart": "10.243.0.10",
                "routes": [{"dst": "0.0.0.0/0", "gw": NODE_ADDRESS}],
            },
        },
        {"type": "loopback"},
    ],
}
_KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "address": NODE_ADDRESS,
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "cgroupRoot": cgroups.ROOT,
    "enforceNodeAllocatable": [],
    "failSwapOn": False,
    "makeIPTablesUtilChains": False,
    # The machine's disk may be full of other things.
    "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    "imageGCHighThresholdPercent": 100,
    "nodeLeaseDurationSeconds": 8,
    "nodeStatusUpdateFrequency": "2s",
    "resolvConf": "",
}


def write(folder: Path, images: Path, socket: Path, state: Path = _STATE) -> None:
    """Write them into `folder`; images are kept in `images`, containerd listens at `socket`."""
    network = folder / "network"
    network.mkdir(parents=True, exist_ok=True)
    (network / "10-pods.conflist").write_text(json.dumps(_NETWORK))
    places = {"images": images, "state": state, "socket": socket, "network": network}
    containerd = _CONTAINERD.format(**places, pause=PAUSE, unused=json.dumps(_UNUSED)[1:-1])
    (folder / "containerd.toml").write_text(containerd)
    (folder / "kubelet.yaml").write_text(json.dumps(_KUBELET))
