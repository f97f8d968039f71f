"""A network of the test session's own, so that nothing on this machine is changed or in the way.

The whole process moves into it: every server that the session starts, and the Pods' bridge, are in there.
The kernel takes all of it away with the last process.
"""

from __future__ import annotations

import ctypes
import os
import subprocess

# The node's address, and the gateway of its Pods.
NODE_ADDRESS = "10.243.0.1"
POD_SUBNET = "10.243.0.0/24"
# First address of the Services' range, which is the API server's: with the API server listening right there,
# Pods reach it and no service proxy is needed.
API_SERVER_ADDRESS = "10.0.0.1"
BRIDGE = "node0"
_BRIDGE_HARDWARE_ADDRESS = "02:00:0a:f3:00:01"
_CLONE_NEWNET = 0x40000000


def enter() -> None:
    """Move this process into a new network with loopback and the Pods' bridge. There is no way back."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{os.strerror(error)}: a network of its own needs root")
    for command in (
        "ip link set lo up",
        # An address of its own: a bridge without one takes that of a port, another whenever Pods come and
        # go, and for as long as a neighbour remembers the old one it talks to nobody.
        f"ip link add {BRIDGE} address {_BRIDGE_HARDWARE_ADDRESS} type bridge",
        f"ip address add {NODE_ADDRESS}/24 dev {BRIDGE}",
        f"ip address add {API_SERVER_ADDRESS}/32 dev {BRIDGE}",
        f"ip link set {BRIDGE} up",
        "sysctl --quiet --write net.ipv4.ip_forward=1",
    ):
        subprocess.run(command.split(), check=True)
