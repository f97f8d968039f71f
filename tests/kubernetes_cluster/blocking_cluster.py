"""The operator's cluster without `await`: what a test does with it and what happens elsewhere read alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from threading import Thread
from typing import Any, TypeVar

from collectiverun_operator.cluster.kubernetes.cache import ObjectCache
from collectiverun_operator.cluster.kubernetes.client import connect
from collectiverun_operator.cluster.kubernetes.cluster import KubernetesCluster

T = TypeVar("T")


class BlockingCluster:
    """A KubernetesCluster with a connection and an event loop: its methods return when they are done.

    `options` go to KubernetesCluster. `requests`: verb and HTTP status of each that it sent.
    """

    def __init__(self, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, daemon=True).start()
        self.cache = ObjectCache()
        self.requests: list[tuple[str, int]] = []
        self._api = self.result_of(connect())
        self.awaitable = KubernetesCluster(self._api, self.cache, on_request=self._note, **options)

    def result_of(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine comes to on this event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*arguments: Any, **named: Any) -> Any:
            return await getattr(self.awaitable, name)(*arguments, **named)

        return lambda *arguments, **named: self.result_of(call(*arguments, **named))

    def close(self) -> None:
        """End the connection and the event loop."""
        self.result_of(self.awaitable.close())
        self.result_of(self._api.close())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _note(self, verb: str, code: int) -> None:
        self.requests.append((verb, code))
