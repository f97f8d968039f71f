"""Watches the Pods that the scheduler gave to this node and keeps one worker for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from testbed import JSONObject
from testbed.kubelet.pod_worker import Container, PodWorker
from testbed.kubernetes.api_client import ApiClient

log = logging.getLogger(__name__)


class PodAgent:
    """One worker a Pod, from the moment the Pod is seen until it is gone."""

    def __init__(self, api: ApiClient, node: str, make_worker: Callable[[JSONObject], PodWorker]) -> None:
        self._api = api
        self._selector = f"fieldSelector=spec.nodeName%3D{node}"
        self._make_worker = make_worker
        self._workers: dict[str, tuple[PodWorker, asyncio.Task[None]]] = {}
        self._uids: dict[tuple[str, str], str] = {}

    def container(self, namespace: str, pod: str, name: str) -> Container | None:
        """A container of a Pod on this node."""
        worker, _ = self._workers.get(self._uids.get((namespace, pod), ""), (None, None))
        return worker.container(name) if worker else None

    async def run(self) -> None:
        """Follow the Pods for ever."""
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
        self._uids[pod["metadata"]["namespace"], pod["metadata"]["name"]] = uid

    def _drop(self, uid: str) -> None:
        if uid in self._workers:
            _, task = self._workers.pop(uid)
            task.cancel()
            self._uids = {name: other for name, other in self._uids.items() if other != uid}


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception():
        log.error("the worker of a Pod failed", exc_info=task.exception())
