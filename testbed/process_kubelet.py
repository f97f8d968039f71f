"""A node whose containers are processes of this machine: quick, and honest to the API server.

    python -m testbed.process_kubelet --kubeconfig node.kubeconfig --folder DIR --image NAME …

It registers, renews its Lease, starts the Pods that the scheduler gives it, reports real exit codes and
termination messages, serves `kubectl logs`, and honours deletion. `python` in a container is this
interpreter. There is no isolation, and volumes, resource limits and init containers are ignored.
Faults are asked for by the annotation `testbed.collectiverl.io/fault`; killing it is the loss of a node.
"""

from __future__ import annotations

import argparse
import asyncio
import logging

from testbed.kubelet.api_client import ApiClient
from testbed.kubelet.log_server import LogServer
from testbed.kubelet.node import keep_alive, register
from testbed.kubelet.node_options import node_parser, node_spec
from testbed.kubelet.pod_agent import PodAgent
from testbed.kubelet.pod_worker import PodWorker, Workplace


async def run(options: argparse.Namespace) -> None:
    """Be the node, until killed."""
    async with ApiClient.open(options.kubeconfig) as api:
        folder, pki = options.folder.absolute(), options.certificates
        workplace = Workplace(folder, frozenset(options.image), pki / "ca.crt", options.token_seconds)
        agent = PodAgent(api, options.name, lambda pod: PodWorker(api, workplace, pod))
        node = node_spec(options)
        await LogServer(agent.worker).start(node.log_port, pki / "serving.crt", pki / "serving.key")
        await register(api, node)
        await asyncio.gather(keep_alive(api, node), agent.run())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = node_parser("A node whose containers are processes of this machine.", pods=110)
    parser.add_argument("--token-seconds", type=int, default=3600, help="life of a service account's token")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(run(parse()))
