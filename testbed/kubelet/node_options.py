"""The command line that both kinds of kubelet share."""

from __future__ import annotations

import argparse
from pathlib import Path

from testbed.kubelet.node import NodeSpec
from testbed.ports import free_ports


def node_parser(description: str, pods: int) -> argparse.ArgumentParser:
    """Options of a node that takes so many Pods unless told otherwise."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--certificates", type=Path, required=True, help="the control plane's pki folder")
    parser.add_argument("--folder", type=Path, required=True, help="for logs and scratch of the Pods")
    parser.add_argument("--name", default="node-1")
    parser.add_argument("--image", action="append", default=[], help="an image it has; others are unknown")
    parser.add_argument("--cpu", default="64", help="what it says it has, for the scheduler")
    parser.add_argument("--memory", default="256Gi")
    parser.add_argument("--pods", type=int, default=pods)
    parser.add_argument("--taint", default="", metavar="KEY", help="only Pods that tolerate it come here")
    return parser


def node_spec(options: argparse.Namespace) -> NodeSpec:
    """The node that the options describe; its logs are served on a port of its own."""
    port = free_ports(1)[0]
    return NodeSpec(options.name, options.cpu, options.memory, options.pods, port, options.taint)
