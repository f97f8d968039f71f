"""Kubernetes as a cluster: the verbs of `Cluster`, and what the controller needs besides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from kubernetes.aio.client import ApiClient

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.cache import Kind, ObjectCache
from collectiverun_operator.cluster.kubernetes.events import COMPONENT, KubernetesEvents
from collectiverun_operator.cluster.kubernetes.informer import Informer, OnChange, OnWord
from collectiverun_operator.cluster.kubernetes.jobs import KubernetesJobs
from collectiverun_operator.cluster.kubernetes.progress import PATIENCE_SECONDS, PodProgress
from collectiverun_operator.cluster.kubernetes.requests import (
    JSON_PATCH,
    MERGE_PATCH,
    METADATA,
    KubernetesRequests,
    OnRequest,
)
from collectiverun_operator.cluster.kubernetes.server_clock import ServerClock
from collectiverun_operator.errors import ClusterError, ConflictError
from collectiverun_operator.json_types import JSONObject

Watched = Literal["CollectiveRun", "Job", "Pod"]
LISTED: dict[Watched, Callable[[str], str]] = {
    "CollectiveRun": paths.runs,
    "Job": paths.jobs,
    "Pod": paths.pods,
}


class KubernetesCluster(KubernetesJobs):
    """The verbs of a cluster over one API client.

    Every request may raise ClusterError, and ClusterUnreachableError when no answer came.
    """

    def __init__(
        self,
        api: ApiClient,
        cache: ObjectCache,
        *,
        progress_seconds: float = 30.0,
        on_request: OnRequest | None = None,
        clock: ServerClock | None = None,
    ) -> None:
        super().__init__(KubernetesRequests(api, on_request, clock), cache)
        self._progress = PodProgress(self._requests, progress_seconds)
        self.events = KubernetesEvents(self._requests)

    def now(self) -> datetime:
        """The API server's time, with which what it says of its objects is compared."""
        return self._requests.clock.now()

    async def close(self) -> None:
        """End the background work. The API client is its owner's to close."""
        await self._progress.close()
        await super().close()
        await self.events.close()

    async def progress(self, run_uid: str, *, is_awaited: bool = True) -> Mapping[str, Progress]:
        """See `Cluster.progress`; read at most every `progress_seconds`, and no slow node is waited for."""
        patience = PATIENCE_SECONDS if is_awaited else 0.0
        return await self._progress.newest(run_uid, self._cache.pods(run_uid), patience)

    async def write_status(self, run: JSONObject, status: JSONObject) -> JSONObject:
        """See `Cluster.write_status`. Raises ConflictError if the run was changed or deleted meanwhile."""
        metadata = run["metadata"]
        patch = [
            # A precondition: the server refuses to write to any other version.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "add", "path": "/status", "value": status},
        ]
        path = paths.run_status(metadata["namespace"], metadata["name"])
        try:
            written = await self._requests.send(
                "patch", path, body=patch, content_type=JSON_PATCH, accept=METADATA
            )
        except ClusterError as error:
            if error.code == 404:
                raise ConflictError(str(error), code=404, sentence=error.sentence) from error
            raise
        return {**run, "metadata": written["metadata"], "status": status}

    async def delete_run(self, run: JSONObject) -> None:
        """See `Cluster.delete_run`; a newer run of the same name stays."""
        metadata = run["metadata"]
        path = paths.run(metadata["namespace"], metadata["name"])
        body = {"propagationPolicy": "Background", "preconditions": {"uid": metadata["uid"]}}
        try:
            await self._requests.send("delete", path, body=body)
        except ClusterError as error:
            if error.code not in (404, 409):
                raise

    async def run(self, namespace: str, name: str) -> JSONObject | None:
        """The run as it is now; None if there is none."""
        return await self._requests.find(paths.run(namespace, name))

    def informer(self, kind: Kind, namespace: str, on_change: OnChange, on_word: OnWord) -> Informer:
        """What keeps the cache's Jobs or Pods up to date, in all namespaces if none is given."""
        path = LISTED[kind](namespace)
        return Informer(self._requests, self._cache, kind, namespace, path, on_change, on_word)

    async def look(self, kind: Watched, namespace: str = "") -> None:
        """List nothing of a kind, in all namespaces if none is given, only to check that it is permitted."""
        query = {"fieldSelector": "metadata.name=nothing", "limit": 1, "resourceVersion": "0"}
        await self._requests.send("list", LISTED[kind](namespace), query=query)

    def forget(self, run_uid: str) -> None:
        """The run is gone: drop all that is known of it."""
        super().forget(run_uid)
        self._progress.forget(run_uid)

    async def renew_lease(self, namespace: str, name: str, holder: str = COMPONENT) -> None:
        """Renew a Lease. Raises ClusterError, also if the Lease does not exist: the chart creates it."""
        renewed = self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = {"spec": {"holderIdentity": holder, "renewTime": renewed}}
        path = paths.lease(namespace, name)
        try:
            await self._requests.send("patch", path, body=body, content_type=MERGE_PATCH)
        except ClusterError as error:
            if error.code != 404:
                raise
            text = (
                f"Lease {namespace}/{name} does not exist; the chart creates it: install or upgrade the chart"
            )
            raise ClusterError(text, code=404, sentence=error.sentence) from error
