"""A node whose Pods do not run: it says that they do, and that they succeeded with a phase's result.

    python -m testbed.mimicked_kubelet --kubeconfig node.kubeconfig --folder DIR --seconds 5 …

For thousands of Pods, and for tests about the operator alone. The same faults can be asked for as of
`process_kubelet.py`; `testbed.collectiverl.io/seconds` on a Pod says how long that one runs. Images are not
looked at, and `kubectl logs` shows one progress line.
"""

from __future__ import annotations

import argparse
import asyncio
import logging

from testbed.kubelet.api_client import ApiClient
from testbed.kubelet.log_server import LogServer
from testbed.kubelet.mimicked_pod import MimickedPod
from testbed.kubelet.node import keep_alive, register
from testbed.kubelet.node_options import node_parser, node_spec
from testbed.kubelet.pod_agent import PodAgent


async def run(options: argparse.Namespace) -> None:
    """Be the node, until killed."""
    async with ApiClient.open(options.kubeconfig) as api:
        agent = PodAgent(api, options.name, lambda pod: MimickedPod(api, pod, options.seconds))
        node, pki = node_spec(options), options.certificates
        await LogServer(agent.worker).start(node.log_port, pki / "serving.crt", pki / "serving.key")
        await register(api, node)
        await asyncio.gather(keep_alive(api, node), agent.run())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = node_parser("A node whose Pods only say that they run.", pods=20_000)
    parser.add_argument(
        "--seconds", type=float, help="how long a Pod runs; without it until something ends it"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(run(parse()))
