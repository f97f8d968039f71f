"""The node itself: it registers, reports its capacity, and renews its Lease as a heartbeat."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from testbed import JSONObject
from testbed.kubelet.pod_status import ADDRESS, is_true, now
from testbed.kubernetes.api_client import RETRY_SECONDS, STRATEGIC_MERGE, ApiClient, ApiError

HEARTBEAT_SECONDS = 2.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
# Plenty, for the scheduler. No GPU: what asks for one is Unschedulable.
_CPU, _MEMORY = "64", "256Gi"


@dataclass(frozen=True)
class NodeSpec:
    """Name of a node, how many Pods it takes, and the port of its logs.

    `taint`: a key that Pods must tolerate to come here; empty: all are welcome.
    """

    name: str
    pods: int
    log_port: int
    taint: str = ""


async def register(api: ApiClient, node: NodeSpec) -> None:
    """Make the Node, or take over the one that is there."""
    labels = {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux"}
    taints = [{"key": node.taint, "effect": "NoSchedule"}] if node.taint else []
    await _create(api, "/api/v1/nodes", _object("v1", "Node", node, {"taints": taints}, labels))
    lease = {"holderIdentity": node.name, "leaseDurationSeconds": 40}
    await _create(api, _LEASES, _object("coordination.k8s.io/v1", "Lease", node, lease))
    await _renew(api, node)
    server = await api.request("GET", "/version")
    await api.patch_status(f"/api/v1/nodes/{node.name}", _status(node, server["gitVersion"]))


async def keep_alive(api: ApiClient, node: NodeSpec) -> None:
    """Renew the Lease for ever, and report Ready again where the controllers had given the node up."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        current = await api.find(f"/api/v1/nodes/{node.name}")
        if current is None or not is_true("Ready", current.get("status", {})):
            await register(api, node)
        else:
            await _renew(api, node)


def _object(
    version: str, kind: str, node: NodeSpec, spec: JSONObject, labels: JSONObject | None = None
) -> JSONObject:
    metadata = {"name": node.name, "labels": labels or {}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


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
    capacity = {"cpu": _CPU, "memory": _MEMORY, "pods": str(node.pods)}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready for Pods"}
    addresses = {"InternalIP": ADDRESS, "Hostname": node.name}
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "conditions": [ready | {"lastHeartbeatTime": now(), "lastTransitionTime": now()}],
        "addresses": [{"type": type_, "address": address} for type_, address in addresses.items()],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": node.log_port}},
        "nodeInfo": _node_info(node, version),
    }


def _node_info(node: NodeSpec, version: str) -> dict[str, str]:
    """The API server demands each of these fields."""
    unknown = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeProxyVersion")
    return dict.fromkeys(unknown, node.name) | {
        "kubeletVersion": version,
        "operatingSystem": "linux",
        "architecture": "amd64",
        "containerRuntimeVersion": "process://1",
    }
