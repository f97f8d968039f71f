"""What containerd, the Pods' network and the kubelet read."""

from __future__ import annotations

import json
from pathlib import Path

from e2e import cgroups
from e2e.container_images import PAUSE
from e2e.own_network import BRIDGE, NODE_ADDRESS, POD_SUBNET

_CONTAINERD = """
version = 4
root = "{store}"
state = "{state}"
imports = []
disabled_plugins = [{unused}]
[plugins."io.containerd.server.v1.grpc"]
address = "{socket}"
[plugins."io.containerd.server.v1.ttrpc"]
address = "{socket}.ttrpc"
[plugins."io.containerd.nri.v1.nri"]
disable = true
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{network}"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "runc"
SystemdCgroup = false
"""
_STATE = Path("/run/containerd")  # in the node, /run is its own
_SNAPSHOTTERS = ("blockfile", "btrfs", "devmapper", "erofs", "native", "zfs")
# The last would make a folder of its own on the machine, outside of those named here.
_UNUSED = [
    *(f"io.containerd.snapshotter.v1.{name}" for name in _SNAPSHOTTERS),
    "io.containerd.internal.v1.opt",
]

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
    "failCgroupV1": False,  # a machine that has no other is good enough for this
    "failSwapOn": False,
    "makeIPTablesUtilChains": False,
    # The machine's disk may be full of other things.
    "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    "imageGCHighThresholdPercent": 100,
    "nodeLeaseDurationSeconds": 8,
    "nodeStatusUpdateFrequency": "2s",
    "resolvConf": "",
}


def write(folder: Path, store: Path, socket: Path) -> None:
    """Write them into `folder`; containerd keeps what it has in `store` and listens at `socket`."""
    network = folder / "network"
    network.mkdir(parents=True, exist_ok=True)
    (network / "10-pods.conflist").write_text(json.dumps(_NETWORK))
    places = {"store": store, "state": _STATE, "socket": socket, "network": network}
    containerd = _CONTAINERD.format(**places, pause=PAUSE, unused=json.dumps(_UNUSED)[1:-1])
    (folder / "containerd.toml").write_text(containerd)
    own = {
        "containerRuntimeEndpoint": f"unix://{socket}",
        "staticPodPath": str(folder / "static-pods"),
        "volumePluginDir": str(folder / "volume-plugins"),
    }
    (folder / "kubelet.yaml").write_text(json.dumps(_KUBELET | own))
