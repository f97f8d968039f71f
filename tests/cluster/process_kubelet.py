"""A node whose containers are processes of this machine: quick, and honest to the API server.

    python -m cluster.process_kubelet --kubeconfig node.kubeconfig --folder DIR --image NAME …

It registers, renews its Lease, starts the Pods that the scheduler gives it, reports real exit codes and
termination messages, serves `kubectl logs`, and honours deletion. `python` in a container is this
interpreter. There is no isolation, and volumes, resource limits and init containers are ignored.
Faults are asked for by the annotation `testbed.collectiverl.io/fault`; killing it is the loss of a node.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

from cluster.kubelet.api_client import ApiClient
from cluster.kubelet.log_server import LogServer
from cluster.kubelet.node import NodeSpec, keep_alive, register
from cluster.kubelet.pod_agent import PodAgent
from cluster.kubelet.pod_worker import PodWorker, Workplace
from cluster.ports import free_ports


async def run(options: argparse.Namespace) -> None:
    """Be the node, until killed."""
    async with ApiClient.open(options.kubeconfig) as api:
        folder: Path = options.folder.absolute()
        workplace = Workplace(
            folder, frozenset(options.image), options.certificates / "ca.crt", options.token_seconds
        )
        agent = PodAgent(api, options.name, lambda pod: PodWorker(api, workplace, pod))
        node = NodeSpec(options.name, options.cpu, options.memory, options.pods, free_ports(1)[0])
        certificate, key = options.certificates / "serving.crt", options.certificates / "serving.key"
        await LogServer(agent.worker).start(node.log_port, certificate, key)
        await register(api, node)
        await asyncio.gather(keep_alive(api, node), agent.run())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="A node whose containers are processes of this machine.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for logs and scratch of the Pods")
    parser.add_argument("--certificates", type=Path, required=True, help="the control plane's pki folder")
    parser.add_argument("--name", default="node-1")
    parser.add_argument(
        "--image", action="append", default=[], help="an image it has; all others are unknown"
    )
    parser.add_argument("--cpu", default="64", help="what it says it has, for the scheduler")
    parser.add_argument("--memory", default="256Gi")
    parser.add_argument("--pods", type=int, default=110)
    parser.add_argument("--token-seconds", type=int, default=3600, help="life of a service account's token")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(run(parse()))
