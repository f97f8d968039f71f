"""A namespace on a real API server, and what a test does there as users and nodes do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

from unit_operator.builders import a_body, an_order, phase_named

from collectiverun_operator.api.run import Platform, parse_run
from collectiverun_operator.cluster.kubernetes import paths as paths
from collectiverun_operator.cluster.kubernetes.cache import ObjectCache
from collectiverun_operator.cluster.kubernetes.client import connect
from collectiverun_operator.cluster.kubernetes.cluster import KubernetesCluster
from collectiverun_operator.cluster.kubernetes.requests import MERGE_PATCH, KubernetesRequests
from collectiverun_operator.jobs.manifest import job_manifest

JSONObject = dict[str, Any]
T = TypeVar("T")

S3 = {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "s3"}}}
PATIENCE_SECONDS = 60.0
# As an operator without GPUs to give; the image is one that the node has.
CPU_ONLY = Platform(local=False, image="collectiverun-trainer:0.1.0")
# Where the scheduler finds no node: a test that plays the node itself.
NOWHERE = {"spec": {"nodeSelector": {"testbed.collectiverl.io/node": "nowhere"}}}


@dataclass
class Stage:
    """What a test has in its hands while it is connected."""

    cluster: KubernetesCluster
    cache: ObjectCache
    admin: KubernetesRequests
    namespace: str
    requests: list[tuple[str, int]] = field(default_factory=list)

    async def make_run(self, name: str = "demo", **spec: Any) -> JSONObject:
        """A run, as the API server has it. Its Pods go to no node unless it has a template of its own."""
        spec = {"storage": S3, "podTemplate": NOWHERE} | spec
        body = a_body(name=name, metadata={"namespace": self.namespace}, **spec)
        body["metadata"].pop("generation")
        return await self.admin.send("create", paths.runs(self.namespace), body=body)

    async def change(self, path: str, patch: JSONObject) -> JSONObject:
        """Somebody changes something."""
        return await self.admin.send("patch", path, body=patch, content_type=MERGE_PATCH)

    async def remove(self, path: str) -> None:
        """Somebody deletes something, and it is gone at once."""
        body = {"propagationPolicy": "Background", "gracePeriodSeconds": 0}
        await self.admin.send("delete", path, body=body)

    async def pods(self) -> list[JSONObject]:
        """Every Pod of the namespace as it is now."""
        items: list[JSONObject] = (await self.admin.send("list", paths.pods(self.namespace)))["items"]
        return items

    async def jobs(self) -> list[JSONObject]:
        """Every Job of the namespace as it is now."""
        items: list[JSONObject] = (await self.admin.send("list", paths.jobs(self.namespace)))["items"]
        return items

    async def pod_of(self, job: JSONObject) -> JSONObject:
        """The Pod that the Job controller makes for a Job."""

        async def found() -> JSONObject | None:
            owners = {pod["metadata"]["ownerReferences"][0]["uid"]: pod for pod in await self.pods()}
            return owners.get(job["metadata"]["uid"])

        return await eventually(found)

    async def set_pod_status(self, pod: JSONObject, status: JSONObject) -> None:
        """What a kubelet would report."""
        path = f"{paths.pods(self.namespace)}/{pod['metadata']['name']}/status"
        await self.change(path, {"status": status})

    async def bind(self, pod: JSONObject, node: str) -> None:
        """What a scheduler would decide."""
        name = pod["metadata"]["name"]
        body = {"kind": "Binding", "metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
        await self.admin.send("create", f"{paths.pods(self.namespace)}/{name}/binding", body=body)

    async def refreshed(self, run: JSONObject, is_told: Callable[[], Awaitable[bool]]) -> None:
        """Refresh until what was written is told: the API server's own cache may be a moment behind."""

        async def found() -> bool:
            await self.cluster.refresh(self.namespace, run["metadata"]["uid"])
            return await is_told()

        await eventually(found)

    async def finished(self, job: JSONObject) -> JSONObject:
        """The Job once its controller calls it finished."""

        async def found() -> JSONObject | None:
            now = await self.admin.find(paths.job(self.namespace, job["metadata"]["name"]))
            return now if now and now["status"].get("conditions") else None

        return await eventually(found)


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` finds as soon as that is true; gives up after a generous while."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await look()):
            await asyncio.sleep(0.1)
    return found


def manifest_of(run: JSONObject, *, attempt: int = 1, phase: str = "experts") -> JSONObject:
    """The manifest of a run's first Job."""
    parsed = parse_run(run, CPU_ONLY)
    return job_manifest(parsed, phase_named(phase), an_order(parsed, phase, attempt=attempt), CPU_ONLY.image)


@dataclass(frozen=True)
class Theatre:
    """Where scenes are played: a namespace of the test's own."""

    namespace: str

    def play(self, scene: Callable[[Stage], Awaitable[T]], **options: Any) -> T:
        """Connect, play, close. `options` go to KubernetesCluster."""
        return asyncio.run(self._play(scene, options))

    async def _play(self, scene: Callable[[Stage], Awaitable[T]], options: dict[str, Any]) -> T:
        api, cache, requests = await connect(), ObjectCache(), []
        cluster = KubernetesCluster(
            api, cache, on_request=lambda verb, code: requests.append((verb, code)), **options
        )
        try:
            return await scene(Stage(cluster, cache, KubernetesRequests(api), self.namespace, requests))
        finally:
            await cluster.close()
            await api.close()


def new_namespace() -> JSONObject:
    """A namespace nobody else has."""
    name = f"cluster-{uuid4().hex[:8]}"
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
