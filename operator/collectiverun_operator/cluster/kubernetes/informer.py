"""Follows the Jobs or the Pods of all runs: a list, then a watch from there on, for ever.

Each body is read once and slimmed at once. Only what a plan can see is passed on: of a dozen events about a
Job and its Pod, which tell mostly of counters and finalizers, a few remain.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

import orjson

from collectiverun_operator.api.labels import RUN_UID
from collectiverun_operator.cluster.kubernetes.cache import Kind, ObjectCache
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests, refusal
from collectiverun_operator.errors import ClusterError
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.rate_limit import BackOff

WATCH_SECONDS = 300  # then the server ends a watch, and the next begins where it ended
# A watch that says nothing is dead: the server sends a bookmark every minute.
SILENT_SECONDS = 150.0
PAGE_SIZE = 100
PAUSE_SECONDS = 0.1
UNREADABLE = 502  # as a proxy would say: list again
BACK_OFF = BackOff(first_seconds=0.5, cap_seconds=15.0)
# No answer, and refusals, that say nothing about the version from which the watch was to go on.
_OF_NO_VERSION = (0, 401, 403, 429)

OnChange = Callable[[JSONObject, bool], None]  # the object as it was told, and whether it is gone
OnWord = Callable[[], None]

_log = logging.getLogger(__name__)


class Informer:
    """Keeps the cache's objects of one kind as they are, in a namespace or (empty) in all.

    `on_change` is called for each object of which the cache was told something new; `on_word` whenever the
    server said anything.
    """

    def __init__(
        self,
        requests: KubernetesRequests,
        cache: ObjectCache,
        kind: Kind,
        namespace: str,
        path: str,
        on_change: OnChange,
        on_word: OnWord,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"watch of {kind}s in {f'namespace {namespace}' if namespace else 'all namespaces'}"
        self._requests, self._cache, self._clock = requests, cache, clock
        self._kind, self._namespace, self._path = kind, namespace, path
        self._on_change, self._on_word = on_change, on_word
        self._version = ""  # from which the next watch goes on; empty: list first
        self._failures = 0
        self._failing_since = 0.0
        self._error = ""

    async def follow(self) -> None:
        """List and watch for ever. What goes wrong is logged, and tried again later and later."""
        while True:
            try:
                if not self._version:
                    self._version = await self._list()
                await self._watch()
            except ClusterError as error:
                self._note(error)
            pause = BACK_OFF.delay(self._failures, random.random()) if self._failures else PAUSE_SECONDS
            await asyncio.sleep(pause)

    def fault(self, limit_seconds: float) -> str | None:
        """A sentence if the watch has failed, however often it was tried, for longer than that."""
        age = self._clock() - self._failing_since
        if not self._failures or age <= limit_seconds:
            return None
        return f"the {self.name} has failed for {age:.0f} s (limit {limit_seconds:.0f} s): {self._error}"

    async def _list(self) -> str:
        """Take over all there is, page by page; the version it was read at."""
        query: dict[str, Any] = {"labelSelector": RUN_UID, "limit": PAGE_SIZE}
        listed: set[str] = set()
        while True:
            page = await self._requests.send("list", self._path, query=query)
            self._on_word()
            for body in page["items"]:
                listed.add(body["metadata"]["uid"])
                if not self._cache.has(self._kind, body):
                    self._put(body)
            version = str(page["metadata"]["resourceVersion"])
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        for body in self._cache.missing(self._kind, self._namespace, listed, version):
            self._discard(body)
        return version

    async def _watch(self) -> None:
        """Take over what happens, until the server ends the watch. Raises ClusterError if it breaks."""
        query = {
            "labelSelector": RUN_UID,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": WATCH_SECONDS,
        }
        rest = b""
        async with aclosing(self._requests.stream(self._path, query, SILENT_SECONDS)) as pieces:
            async for piece in pieces:
                self._on_word()
                self._failures = 0
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._take(self._read(line))

    def _read(self, line: bytes) -> Mapping[str, Any]:
        try:
            event: Mapping[str, Any] = orjson.loads(line)
        except ValueError as error:
            text = f"watch {self._path}: an event is no JSON: {line[:200]!r}"
            raise ClusterError(text, code=UNREADABLE) from error
        return event

    def _take(self, event: Mapping[str, Any]) -> None:
        type_, body = event["type"], event["object"]
        if type_ == "ERROR":
            self._version = ""
            raise refusal(f"watch {self._path}", int(body.get("code") or 0), body)
        if type_ == "DELETED":
            self._discard(body)
        elif type_ != "BOOKMARK":
            self._put(body)
        self._version = str(body["metadata"]["resourceVersion"])

    def _put(self, body: JSONObject) -> None:
        if self._cache.put(self._kind, body):
            self._on_change(body, False)

    def _discard(self, body: JSONObject) -> None:
        self._cache.discard(self._kind, body)
        self._on_change(body, True)

    def _note(self, error: ClusterError) -> None:
        if error.code not in _OF_NO_VERSION:
            self._version = ""  # 410, as a rule: the server has forgotten what happened since then
        if not self._failures:
            self._failing_since = self._clock()
        self._failures += 1
        if error.code != 410:
            _log.warning("the %s broke and is made again: %s", self.name, error)
        self._error = str(error)
