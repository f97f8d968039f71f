"""A Pod's own identity: a token of its service account in a kubeconfig file, renewed before it expires."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from testbed import JSONObject
from testbed.kubernetes.api_client import ApiClient, ApiError
from testbed.kubernetes.kubeconfig import write_kubeconfig

MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
# The API server grants no shorter ones. But a token bound to a Secret ends with it.
SHORTEST_SECONDS = 600
_RENEW_AT = 0.7


def wants_token(pod: JSONObject) -> bool:
    """Whether a container of the Pod mounts its service account's token."""
    mounts = [mount for c in pod["spec"]["containers"] for mount in c.get("volumeMounts", [])]
    return any(mount["mountPath"] == MOUNT for mount in mounts)


class PodIdentity:
    """Keeps `path` a kubeconfig with a token that is valid for at most `seconds`."""

    def __init__(self, api: ApiClient, pod: JSONObject, path: Path, authority: Path, seconds: int) -> None:
        self.path = path
        self._api = api
        self._namespace = f"/api/v1/namespaces/{pod['metadata']['namespace']}"
        self._pod = pod
        self._authority = authority
        self._seconds = seconds
        self._ending: set[asyncio.Task[None]] = set()

    async def renew(self) -> None:
        """Write a new token; a short one that was there stays valid until its time is over."""
        account = self._pod["spec"].get("serviceAccountName", "default")
        bound = await self._bound_to()
        spec = {"expirationSeconds": max(self._seconds, SHORTEST_SECONDS), "boundObjectRef": bound}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        granted = await self._api.request(
            "POST", f"{self._namespace}/serviceaccounts/{account}/token", request
        )
        write_kubeconfig(
            self.path,
            self._api.url,
            self._authority,
            granted["status"]["token"],
            self._pod["metadata"]["namespace"],
        )

    async def keep(self) -> None:
        """Renew for ever."""
        while True:
            await asyncio.sleep(self._seconds * _RENEW_AT)
            await self.renew()

    async def _bound_to(self) -> JSONObject:
        if self._seconds >= SHORTEST_SECONDS:
            metadata = self._pod["metadata"]
            return {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        name = f"testbed-token-{secrets.token_hex(4)}"
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        made = await self._api.request("POST", f"{self._namespace}/secrets", body)
        task = asyncio.create_task(self._expire(name))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return {"kind": "Secret", "apiVersion": "v1", "name": name, "uid": made["metadata"]["uid"]}

    async def _expire(self, secret: str) -> None:
        await asyncio.sleep(self._seconds)
        try:
            await self._api.request("DELETE", f"{self._namespace}/secrets/{secret}")
        except ApiError as error:
            if error.code != 404:
                raise
