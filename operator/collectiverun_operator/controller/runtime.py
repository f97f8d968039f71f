"""The running operator: its parts, its start and stop, and what it does with watch events."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Self

from kubernetes.aio.client import ApiClient
from prometheus_client.aiohttp import make_aiohttp_handler

from collectiverun_operator.api.labels import RUN
from collectiverun_operator.cluster.kubernetes.cache import KINDS, Kind, ObjectCache
from collectiverun_operator.cluster.kubernetes.client import connect
from collectiverun_operator.cluster.kubernetes.cluster import KubernetesCluster
from collectiverun_operator.controller.access import check_access
from collectiverun_operator.controller.controller import Controller, Intervals, RunKey
from collectiverun_operator.controller.health import Canary, Health, liveness_check, queue_check
from collectiverun_operator.controller.http import HTTPEndpoint
from collectiverun_operator.controller.metrics import Metrics
from collectiverun_operator.controller.settings import OperatorSettings
from collectiverun_operator.controller.urgency import AT_ONCE, patience
from collectiverun_operator.controller.workqueue import WorkQueue
from collectiverun_operator.errors import ClusterError
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.rate_limit import TokenBucket

# Limits the load on the API server when everything is due at once.
RECONCILES_PER_SECOND = 100.0
RECONCILE_BURST = 200
LAG_SECONDS = 1.0

_log = logging.getLogger(__name__)


class OperatorRuntime:
    """Queue, workers, canary, metrics and health. `on_…_event` take what kopf watches."""

    def __init__(self, settings: OperatorSettings, api: ApiClient) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.queue: WorkQueue[RunKey] = WorkQueue(bucket=TokenBucket(RECONCILES_PER_SECOND, RECONCILE_BURST))
        self._api = api
        self._cache = ObjectCache()
        self._cluster = KubernetesCluster(
            api,
            self._cache,
            progress_seconds=settings.figures_seconds,
            on_request=self.metrics.record_request,
        )
        intervals = Intervals(settings.resync_seconds, settings.figures_seconds)
        self._controller = Controller(self._cluster, settings.platform, intervals, self.metrics)
        self._informers = [
            self._cluster.informer(
                kind, namespace, partial(self._on_object, kind), partial(self.metrics.record_event, kind)
            )
            for namespace in settings.namespaces or ("",)
            for kind in KINDS
        ]
        self._canary = Canary(f"{settings.lease_namespace}/{settings.lease_name}", settings.stale_seconds)
        self.health = self._checks()
        self._endpoints = (
            HTTPEndpoint("/healthz", settings.health_port, self.health.answer),
            HTTPEndpoint("/metrics", settings.metrics_port, make_aiohttp_handler(self.metrics.registry)),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopped = False
        self._measure()

    @classmethod
    async def start(cls, settings: OperatorSettings) -> Self:
        """Connect, check permissions, start working. Raises CollectiveRunError with a sentence."""
        runtime = cls(settings, await connect(streams=len(KINDS) * max(1, len(settings.namespaces))))
        try:
            await check_access(runtime._cluster, settings.namespaces)
            for endpoint in runtime._endpoints:
                await endpoint.start()
        except BaseException:
            await runtime.stop()
            raise
        runtime._begin()
        return runtime

    async def stop(self) -> None:
        """Stop at once: the next operator repeats a reconcile that was cut off."""
        if self._is_stopped:
            return
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for endpoint in self._endpoints:
            await endpoint.stop()
        await self._cluster.close()
        await self._api.close()  # type: ignore[no-untyped-call]

    def on_run_event(self, body: JSONObject, *, is_deleted: bool) -> None:
        """A run was added, changed or deleted."""
        self.metrics.record_event("CollectiveRun")
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if self._controller.see(key, metadata["resourceVersion"]) or is_deleted:
            self.queue.add(key)

    def on_lease_event(self) -> None:
        """The canary Lease came back through the watch."""
        self.metrics.record_event("Lease")
        self._canary.seen()

    def _on_object(self, kind: Kind, body: JSONObject, is_gone: bool) -> None:
        """The cache was told something new of a Job or Pod."""
        metadata = body["metadata"]
        if run := metadata["labels"].get(RUN):
            seconds = patience(kind, body, is_gone)
            self.queue.add((metadata["namespace"], run), seconds, urgent=seconds == AT_ONCE)

    def _begin(self) -> None:
        for informer in self._informers:
            self._spawn(informer.name, informer.follow())
        for number in range(self.settings.workers):
            self._spawn(f"worker {number + 1}", self.queue.serve(self._controller.reconcile))
        self._spawn("event loop watch", self._watch_loop())
        if self.settings.lease_name:
            self._spawn("canary", self._renew_lease())

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _checks(self) -> Health:
        checks: list[Callable[[], str | None]] = [
            queue_check(lambda: self.queue.stalled_seconds, self.settings.stale_seconds),
            liveness_check(lambda: [task.get_name() for task in self._tasks if task.done()]),
            *(partial(informer.fault, self.settings.stale_seconds) for informer in self._informers),
        ]
        return Health([*checks, self._canary.check] if self.settings.lease_name else checks)

    def _measure(self) -> None:
        self.metrics.watch_queue(lambda: self.queue.depth, lambda: self.queue.oldest_seconds)
        self.metrics.watch_runs(self._controller.states)
        lease = ["Lease"] if self.settings.lease_name else []
        self.metrics.watch_events(["CollectiveRun", *KINDS, *lease])

    async def _renew_lease(self) -> None:
        holder = f"{socket.gethostname()}_{os.getpid()}"
        while True:
            try:
                await self._cluster.renew_lease(
                    self.settings.lease_namespace, self.settings.lease_name, holder
                )
            except ClusterError as error:
                _log.warning("the canary Lease could not be renewed: %s", error)
            await asyncio.sleep(self.settings.canary_seconds)

    async def _watch_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            self.metrics.loop_lag_seconds.observe(max(0.0, loop.time() - due))
