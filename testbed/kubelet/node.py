"""The node itself: it registers, reports its capacity, and renews its Lease as a heartbeat."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from testbed import JSONObject
from testbed.kubelet.pod_status import ADDRESS, is_true, now
from testbed.kubernetes.api_client import RETRY_SECONDS, STRATEGIC_MERGE, ApiClient, ApiError

HEARTBEAT_SECONDS = 2.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
# Plenty, for the scheduler. No GPU: what asks for one is Unschedulable.
_CPU, _MEMORY = "64", "256Gi"


class Node:
    """A node that takes so many Pods and serves their logs at a port.

    `taint`: a key that Pods must tolerate to come here; empty: all are welcome.
    """

    def __init__(self, api: ApiClient, name: str, pods: int, log_port: int, taint: str = "") -> None:
        self._api = api
        self._name = name
        self._path = f"/api/v1/nodes/{name}"
        self._capacity = {"cpu": _CPU, "memory": _MEMORY, "pods": str(pods)}
        self._log_port = log_port
        self._taints = [{"key": taint, "effect": "NoSchedule"}] if taint else []

    async def register(self) -> None:
        """Make the Node, or take over the one that is there."""
        labels = {"kubernetes.io/hostname": self._name, "kubernetes.io/os": "linux"}
        metadata = {"name": self._name, "labels": labels}
        spec = {"taints": self._taints}
        await self._create("/api/v1/nodes", {"kind": "Node", "metadata": metadata, "spec": spec})
        lease = {"holderIdentity": self._name, "leaseDurationSeconds": 40}
        await self._create(_LEASES, {"kind": "Lease", "metadata": {"name": self._name}, "spec": lease})
        await self._renew()
        server = await self._api.request("GET", "/version")
        await self._api.patch_status(self._path, self._status(server["gitVersion"]))

    async def keep_alive(self) -> None:
        """Renew the Lease for ever, and report Ready again where the controllers had given the node up."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            current = await self._api.find(self._path)
            if current is None or not is_true("Ready", current.get("status", {})):
                await self.register()
            else:
                await self._renew()

    async def _create(self, path: str, body: JSONObject) -> None:
        """Also in a namespace that a new API server is about to make."""
        while True:
            try:
                await self._api.request("POST", path, body)
            except ApiError as error:
                if error.code == 404:
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if error.code != 409:
                    raise
            return

    async def _renew(self) -> None:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lease = {"spec": {"renewTime": moment}}
        await self._api.request("PATCH", f"{_LEASES}/{self._name}", lease, STRATEGIC_MERGE)

    def _status(self, version: str) -> JSONObject:
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready for Pods"}
        addresses = {"InternalIP": ADDRESS, "Hostname": self._name}
        unknown = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeProxyVersion")
        return {
            "capacity": self._capacity,
            "allocatable": self._capacity,
            "conditions": [ready | {"lastHeartbeatTime": now(), "lastTransitionTime": now()}],
            "addresses": [{"type": type_, "address": address} for type_, address in addresses.items()],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._log_port}},
            "nodeInfo": dict.fromkeys(unknown, self._name)
            | {
                "kubeletVersion": version,
                "operatingSystem": "linux",
                "architecture": "amd64",
                "containerRuntimeVersion": "process://1",
            },
        }
