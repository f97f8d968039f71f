"""A node with no API server, in a process that is there to be killed: `python -m e2e.lone_node FOLDER`.

Its kubelet runs the Pods in `FOLDER/node/static-pods`.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from e2e import own_network
from e2e.container_images import PAUSE
from e2e.node import LOCK, Node
from filelock import FileLock
from testbed.kubernetes.certificates import Certificates
from testbed.kubernetes.kubeconfig import write_kubeconfig


def main(folder: Path) -> None:
    """Start the node and leave it to itself."""
    certificates = Certificates(folder / "pki")
    certificates.make((own_network.NODE_ADDRESS,))
    url = f"https://{own_network.API_SERVER_ADDRESS}"
    kubeconfig = write_kubeconfig(folder / "kubeconfig", url, certificates.authority, token="none")
    node = Node("lone", folder / "node", kubeconfig, [PAUSE])
    with FileLock(LOCK):
        own_network.enter()
        node.start()
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
