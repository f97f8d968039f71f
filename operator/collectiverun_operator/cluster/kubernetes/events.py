"""Kubernetes Events of runs, for people (`kubectl describe`). Nothing depends on them."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime

from collectiverun_operator.api.run import API_VERSION, KIND
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError
from collectiverun_operator.formatting import format_time
from collectiverun_operator.json_types import JSONObject

COMPONENT = "collectiverun-operator"
MESSAGE_LIMIT = 1024
CONCURRENT_POSTS = 4
# How long a stopping operator waits for Events that are not posted yet.
CLOSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class KubernetesEvents:
    """Posts Events in the background, a few at a time: no reconcile waits for them."""

    def __init__(self, requests: KubernetesRequests) -> None:
        self._requests = requests
        self._slots = asyncio.Semaphore(CONCURRENT_POSTS)
        self._posts: set[asyncio.Task[None]] = set()

    def post(self, run: JSONObject, type_: str, reason: str, message: str) -> asyncio.Task[None]:
        """Begin to post an Event about the run. A failure is only logged."""
        post = asyncio.create_task(self._post(event_of(run, type_, reason, message)))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)
        return post

    async def close(self) -> None:
        """Post what is left, if that is possible within a second."""
        if self._posts:
            _, late = await asyncio.wait(self._posts, timeout=CLOSE_SECONDS)
            for post in late:
                post.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _post(self, event: JSONObject) -> None:
        path = paths.events(event["metadata"]["namespace"])
        try:
            async with self._slots:
                await self._requests.send("create", path, body=event)
        except ClusterError as error:
            details = (event["reason"], event["message"], error)
            _log.warning("an Event could not be posted (%s: %s): %s", *details)


def event_of(run: JSONObject, type_: str, reason: str, message: str) -> JSONObject:
    """An Event about the run, as of now."""
    metadata, now = run["metadata"], format_time(datetime.now(UTC))
    # Events of the same second are listed by name: the names keep their order.
    name = f"{metadata['name']}.{time.time_ns():x}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
        "type": type_,
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
    }
