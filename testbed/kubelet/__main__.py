"""A node of a test cluster: `python -m testbed.kubelet --kubeconfig node.kubeconfig --folder DIR …`.

It registers, renews its Lease, starts the Pods that the scheduler gives it, reports exit codes and
termination messages, serves `kubectl logs`, and honours deletion. Killing it is the loss of a node.

--kind processes    containers are processes of this machine; `python` in one is this interpreter. There is
                    no isolation, and volumes, resource limits and init containers are ignored.
--kind simulated    Pods do not run: the node reports that they do, and that they succeeded with the result
                    of their phase. For thousands of Pods, and for tests about the operator alone.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

from testbed.kubelet import PROCESSES, SIMULATED
from testbed.kubelet.log_server import LogServer
from testbed.kubelet.node import Node
from testbed.kubelet.pod_agent import PodAgent
from testbed.kubelet.process_pod import NodeResources, ProcessPod
from testbed.kubelet.simulated_pod import SimulatedPod
from testbed.kubernetes.api_client import ApiClient
from testbed.processes.ports import free_ports

_CAPACITY_PODS = {PROCESSES: 110, SIMULATED: 20_000}


async def run(options: argparse.Namespace) -> None:
    """Be the node, until killed."""
    async with ApiClient.open(options.kubeconfig) as api:
        agent = _agent(api, options)
        (port,) = free_ports(1)
        node = Node(api, options.name, _CAPACITY_PODS[options.kind], port, options.taint)
        pki = options.certificates
        await LogServer(agent.container).start(port, pki / "serving.crt", pki / "serving.key")
        await node.register()
        await asyncio.gather(node.keep_alive(), agent.run())


def _agent(api: ApiClient, options: argparse.Namespace) -> PodAgent:
    if options.kind == SIMULATED:
        return PodAgent(api, options.name, lambda pod: SimulatedPod(api, pod, options.seconds))
    resources = NodeResources(
        options.folder.absolute(),
        frozenset(options.image),
        options.certificates / "ca.crt",
        options.token_seconds,
    )
    return PodAgent(api, options.name, lambda pod: ProcessPod(api, resources, pod))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="testbed.kubelet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=(PROCESSES, SIMULATED), default=PROCESSES)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--certificates", type=Path, required=True, help="the control plane's pki folder")
    parser.add_argument("--folder", type=Path, required=True, help="for logs and scratch files of the Pods")
    parser.add_argument("--name", default="node-1")
    parser.add_argument("--taint", default="", metavar="KEY", help="admit only Pods that tolerate it")
    processes = parser.add_argument_group("with processes")
    processes.add_argument("--image", action="append", default=[], help="an image it has; it pulls none")
    processes.add_argument("--token-seconds", type=int, default=3600, help="life of a service account token")
    simulated = parser.add_argument_group("with simulated Pods")
    simulated.add_argument("--seconds", type=float, help="how long a Pod runs; by default until it is ended")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(run(parse()))
