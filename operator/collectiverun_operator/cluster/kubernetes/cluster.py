"""Kubernetes as a cluster: the verbs of `Cluster`, and what the service needs beside them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from kubernetes.aio.client import ApiClient

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.cache import ObjectCache
from collectiverun_operator.cluster.kubernetes.events import COMPONENT, KubernetesEvents
from collectiverun_operator.cluster.kubernetes.jobs import KubernetesJobs
from collectiverun_operator.cluster.kubernetes.progress import PodProgress
from collectiverun_operator.cluster.kubernetes.requests import (
    JSON_PATCH,
    MERGE_PATCH,
    KubernetesRequests,
    OnRequest,
)
from collectiverun_operator.errors import ClusterError, ConflictError

JSONObject = dict[str, Any]

Watched = Literal["CollectiveRun", "Job", "Pod"]
LISTED: dict[Watched, Callable[[str], str]] = {
    "CollectiveRun": paths.runs,
    "Job": paths.jobs,
    "Pod": paths.pods,
}
# How the API server begins: that a Job is invalid, or that it can't even be read.
_JOB = re.compile(r'^Job\.batch "[^"]*" is invalid: |^Job in version "v1" cannot be handled as a Job: ')
_DENIED = "denied the request"  # how the API server words the verdict of an admission webhook


class KubernetesCluster:
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
    ) -> None:
        self._requests = KubernetesRequests(api, on_request)
        self._jobs = KubernetesJobs(self._requests, cache)
        self._cache = cache
        self._progress = PodProgress(self._requests, progress_seconds)
        self._events = KubernetesEvents(self._requests)

    async def close(self) -> None:
        """End what is still done beside the rounds. The API client is its owner's to close."""
        await self._progress.close()
        await self._jobs.close()
        await self._events.close()

    async def jobs(self, run_uid: str) -> list[JSONObject]:
        """See `Cluster.jobs`; from the cache."""
        return self._jobs.jobs(run_uid)

    async def job(self, namespace: str, name: str, run_uid: str) -> JSONObject | None:
        """See `Cluster.job`."""
        return await self._jobs.job(namespace, name, run_uid)

    async def pods(self, run_uid: str) -> list[JSONObject]:
        """See `Cluster.pods`; from the cache where that can't mislead."""
        return await self._jobs.pods(run_uid)

    async def create_job(self, manifest: JSONObject) -> JSONObject:
        """See `Cluster.create_job`. Raises NameTakenError if the name is another owner's."""
        return await self._jobs.create(manifest)

    async def delete_job(self, namespace: str, name: str, uid: str, *, is_finished: bool = False) -> None:
        """See `Cluster.delete_job`."""
        await self._jobs.delete(namespace, name, uid, is_finished=is_finished)

    async def progress(self, run_uid: str) -> Mapping[str, Progress]:
        """See `Cluster.progress`; read at most every `progress_seconds`, and no node is waited for long."""
        return await self._progress.newest(run_uid, self._cache.pods(run_uid))

    async def dry_run(self, manifest: JSONObject) -> str | None:
        """See `Cluster.dry_run`."""
        path = paths.jobs(manifest["metadata"]["namespace"])
        try:
            await self._requests.send("create", path, query={"dryRun": "All"}, body=manifest)
        except ClusterError as error:
            if error.code in (400, 422) or (error.code == 403 and _DENIED in error.sentence):
                return _template_sentence(error.sentence)
            if error.code not in (403, 409):
                raise
            # Rights and quota are not the template's fault; making the real Job will tell.
        return None

    async def write_status(self, run: JSONObject, status: JSONObject) -> JSONObject:
        """See `Cluster.write_status`. Raises ConflictError if the run was changed or deleted meanwhile."""
        metadata = run["metadata"]
        patch = [
            # Taken for the precondition that it is: the server refuses to write any other version.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "add", "path": "/status", "value": status},
        ]
        path = paths.run_status(metadata["namespace"], metadata["name"])
        try:
            return await self._requests.send("patch", path, body=patch, content_type=JSON_PATCH)
        except ClusterError as error:
            if error.code == 404:
                raise ConflictError(str(error), code=404, sentence=error.sentence) from error
            raise

    async def delete_run(self, run: JSONObject) -> None:
        """See `Cluster.delete_run`; another run of that name is left alone."""
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

    async def look(self, kind: Watched, namespace: str = "") -> None:
        """Ask for a list of a kind, in all namespaces if none is named: only whether it may be asked for."""
        query = {"fieldSelector": "metadata.name=nothing", "limit": 1, "resourceVersion": "0"}
        await self._requests.send("list", LISTED[kind](namespace), query=query)

    async def refresh(self, namespace: str, run_uid: str, expected_pods: Collection[str] = ()) -> None:
        """See `KubernetesJobs.refresh`."""
        await self._jobs.refresh(namespace, run_uid, expected_pods)

    def lacks(self, run_uid: str, expected_pods: Collection[str]) -> bool:
        """See `KubernetesJobs.lacks`."""
        return self._jobs.lacks(run_uid, expected_pods)

    def forget(self, run_uid: str) -> None:
        """The run is gone: so is all that is known of it."""
        self._jobs.forget(run_uid)
        self._progress.forget(run_uid)

    def post_event(self, run: JSONObject, type_: str, reason: str, message: str) -> asyncio.Task[None]:
        """Tell people what happened to the run; nobody has to wait for it."""
        return self._events.post(run, type_, reason, message)

    async def renew_lease(self, namespace: str, name: str, holder: str = COMPONENT) -> None:
        """Write the present time into the Lease. Raises ClusterError; the chart makes the Lease."""
        renewed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = {"spec": {"holderIdentity": holder, "renewTime": renewed}}
        path = paths.lease(namespace, name)
        try:
            await self._requests.send("patch", path, body=body, content_type=MERGE_PATCH)
        except ClusterError as error:
            if error.code != 404:
                raise
            text = (
                f"Lease {namespace}/{name} does not exist; the chart makes it: install or upgrade the chart"
            )
            raise ClusterError(text, code=404, sentence=error.sentence) from error


def _template_sentence(sentence: str) -> str:
    """What is wrong with the Job, without its name, which is none a user knows, and without its bytes."""
    return _JOB.sub("", sentence).split(", error found in #", 1)[0]
