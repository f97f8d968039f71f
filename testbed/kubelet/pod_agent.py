"""Watches the Pods that the scheduler gave to this node and keeps one worker for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from testbed.kubernetes.api_client import ApiClient

JSONObject = dict[str, Any]

log = logging.getLogger(__name__)


class Worker(Protocol):
    """The life of one Pod on this node, as this node's kind of kubelet lives it."""

    def update(self, pod: JSONObject) -> None:
        """The Pod as the API server has it now."""

    async def run(self) -> None:
        """Its whole life. Cancelled when the Pod is taken off the API server."""


WorkerT = TypeVar("WorkerT", bound=Worker)


class PodAgent(Generic[WorkerT]):
    """One worker a Pod, from the moment the Pod is seen until it is gone."""

    def __init__(self, api: ApiClient, node: str, make_worker: Callable[[JSONObject], WorkerT]) -> None:
        self._api = api
        self._selector = f"fieldSelector=spec.nodeName%3D{node}"
        self._make_worker = make_worker
        self._workers: dict[str, tuple[WorkerT, asyncio.Task[None]]] = {}
        self._names: dict[tuple[str, str], str] = {}

    def worker(self, namespace: str, name: str) -> WorkerT | None:
        """Of the Pod of that name, if it is here."""
        entry = self._workers.get(self._names.get((namespace, name), ""))
        return entry[0] if entry else None

    async def run(self) -> None:
        """For ever."""
        async for kind, body in self._api.watch("/api/v1/pods", self._selector):
            if kind == "SYNCED":
                present = {pod["metadata"]["uid"] for pod in body["items"]}
                for uid in self._workers.keys() - present:
                    self._drop(uid)
            elif kind == "DELETED":
                self._drop(body["metadata"]["uid"])
            else:
                self._see(body)

    def _see(self, pod: JSONObject) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid][0].update(pod)
            return
        worker = self._make_worker(pod)
        task = asyncio.create_task(worker.run())
        task.add_done_callback(_report)
        self._workers[uid] = worker, task
        self._names[pod["metadata"]["namespace"], pod["metadata"]["name"]] = uid

    def _drop(self, uid: str) -> None:
        worker, task = self._workers.pop(uid, (None, None))
        if worker is None or task is None:
            return
        task.cancel()
        self._names = {name: known for name, known in self._names.items() if known != uid}


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception():
        log.error("a Pod's worker failed", exc_info=task.exception())
