"""The node itself: it registers, says what it has, and renews its Lease as a sign of life."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from testbed import JSONObject
from testbed.kubernetes.api_client import RETRY_SECONDS, STRATEGIC_MERGE, ApiClient, ApiError

HEARTBEAT_SECONDS = 2.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


@dataclass(frozen=True)
class NodeSpec:
    """Name and size of a node. No GPU: what asks for one is Unschedulable.

    `taint`: a key that Pods must tolerate to come here; empty: all are welcome.
    """

    name: str
    cpu: str = "64"
    memory: str = "256Gi"
    pods: int = 110
    log_port: int = 0
    taint: str = ""


def now() -> str:
    """This moment as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def register(api: ApiClient, node: NodeSpec) -> None:
    """Make the Node, or take over the one that is there."""
    metadata = {
        "name": node.name,
        "labels": {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux"},
    }
    taints = [{"key": node.taint, "effect": "NoSchedule"}] if node.taint else []
    body = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": taints}}
    await _create(api, "/api/v1/nodes", body)
    lease = {
        "metadata": {"name": node.name},
        "spec": {"holderIdentity": node.name, "leaseDurationSeconds": 40},
    }
    await _create(api, _LEASES, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **lease})
    await _renew(api, node)
    server = await api.request("GET", "/version")
    await api.patch_status(f"/api/v1/nodes/{node.name}", _status(node, server["gitVersion"]))


async def keep_alive(api: ApiClient, node: NodeSpec) -> None:
    """Renew the Lease for ever, and say Ready again where the controllers had given the node up."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        found = await api.find(f"/api/v1/nodes/{node.name}")
        if found is None or not _is_ready(found):
            await register(api, node)
        else:
            await _renew(api, node)


def _is_ready(node: JSONObject) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


async def _create(api: ApiClient, path: str, body: JSONObject) -> None:
    """Also in a namespace that a new API server is about to make."""
    while True:
        try:
            await api.request("POST", path, body)
        except ApiError as error:
            if error.code == 404:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if error.code != 409:
                raise
        return


async def _renew(api: ApiClient, node: NodeSpec) -> None:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    await api.request("PATCH", f"{_LEASES}/{node.name}", {"spec": {"renewTime": moment}}, STRATEGIC_MERGE)


def _status(node: NodeSpec, version: str) -> JSONObject:
    room = {"cpu": node.cpu, "memory": node.memory, "pods": str(node.pods)}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready for Pods"}
    times = {"lastHeartbeatTime": now(), "lastTransitionTime": now()}
    return {
        "capacity": room,
        "allocatable": room,
        "conditions": [ready | times],
        "addresses": [
            {"type": "InternalIP", "address": "127.0.0.1"},
            {"type": "Hostname", "address": node.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": node.log_port}},
        "nodeInfo": _machine(node, version),
    }


def _machine(node: NodeSpec, version: str) -> dict[str, str]:
    unknown = dict.fromkeys(("machineID", "systemUUID", "bootID", "kernelVersion"), node.name)
    return unknown | {
        "kubeletVersion": version,
        "kubeProxyVersion": version,
        "operatingSystem": "linux",
        "architecture": "amd64",
        "osImage": "this machine",
        "containerRuntimeVersion": "process://1",
    }
