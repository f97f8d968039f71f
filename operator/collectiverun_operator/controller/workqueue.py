"""A work queue of keys, as controllers have: deduplicated, delayed, rate-limited.

Each key is queued once, however often it is added, and processed by one worker at a time: a key that is added
meanwhile waits until that worker is done. Keys are taken by the time at which they became due, urgent first.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator
from itertools import count
from typing import Generic, TypeVar

from collectiverun_operator.rate_limit import DEFAULT_BACK_OFF, BackOff, Clock, TokenBucket

Key = TypeVar("Key", bound=Hashable)
_Heap = list[tuple[float, int, Key]]


class Schedule(Generic[Key]):
    """Which keys are due and which are being processed. It does not wait; the queue below does."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._active: dict[Key, float] = {}
        self._taken_at: dict[Key, float] = {}
        self._urgent: set[Key] = set()
        # Urgent keys, and all others; outdated entries are dropped when they reach the top.
        self._heaps: tuple[_Heap[Key], _Heap[Key]] = ([], [])
        self._order = count()

    def add(self, key: Key, due: float, *, urgent: bool = False) -> bool:
        """Schedule the key for `due`, or earlier if it already is. Whether that changed anything."""
        is_sooner = due < self._due.get(key, math.inf)
        if not is_sooner and not (urgent and key not in self._urgent):
            return False
        self._due[key] = min(due, self._due.get(key, math.inf))
        if urgent:
            self._urgent.add(key)
        if key not in self._active:
            self._push(key)
        return True

    def take(self, now: float) -> Key | None:
        """The key that has been due longest, urgent ones first; from now on it is being processed."""
        heap = next((heap for heap in self._current_heaps() if heap[0][0] <= now), None)
        if heap is None:
            return None
        due, _, key = heapq.heappop(heap)
        del self._due[key]
        self._urgent.discard(key)
        self._active[key] = due
        self._taken_at[key] = now
        return key

    def done(self, key: Key) -> None:
        """The key is no longer being processed."""
        del self._active[key], self._taken_at[key]
        if key in self._due:
            self._push(key)

    def next_due(self) -> float | None:
        """When the next key may be taken."""
        return min((heap[0][0] for heap in self._current_heaps()), default=None)

    def depth(self, now: float) -> int:
        """How many keys are due and not yet taken."""
        return sum(due <= now for due in self._due.values())

    def oldest_seconds(self, now: float) -> float:
        """How long the oldest key that waits or is being processed has been due."""
        moments = [*self._due.values(), *self._active.values()]
        return max(0.0, now - min(moments)) if moments else 0.0

    def stalled_seconds(self, now: float, finished_at: float) -> float:
        """For how long one key has been processed, or keys have been due while none was finished.

        A long queue that moves is not stalled: a restart would not help it.
        """
        waiting = (max(due, finished_at) for due in self._due.values() if due <= now)
        moments = [*self._taken_at.values(), *waiting]
        return max(0.0, now - min(moments)) if moments else 0.0

    def _push(self, key: Key) -> None:
        heap = self._heaps[0 if key in self._urgent else 1]
        heapq.heappush(heap, (self._due[key], next(self._order), key))

    def _current_heaps(self) -> Iterator[_Heap[Key]]:
        """The heaps that are not empty, with a current entry on top."""
        for heap in self._heaps:
            while heap and not self._is_current(*heap[0]):
                heapq.heappop(heap)
            if heap:
                yield heap

    def _is_current(self, due: float, _: int, key: Key) -> bool:
        return key not in self._active and self._due.get(key) == due


class WorkQueue(Generic[Key]):
    """Hands due keys to workers: one worker a key, failed keys after a back-off, at the rate of `bucket`."""

    def __init__(
        self,
        *,
        back_off: BackOff = DEFAULT_BACK_OFF,
        bucket: TokenBucket | None = None,
        clock: Clock = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._schedule: Schedule[Key] = Schedule()
        self._back_off = back_off
        self._bucket = bucket
        self._clock = clock
        self._chance = chance
        self._failures: dict[Key, int] = {}
        self._finished_at = clock()
        self._changed = asyncio.Event()

    @property
    def depth(self) -> int:
        """How many keys are due and wait for a worker."""
        return self._schedule.depth(self._clock())

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest key has been due without being finished."""
        return self._schedule.oldest_seconds(self._clock())

    @property
    def stalled_seconds(self) -> float:
        """For how long it has been stalled: one key processed, or keys due and none finished."""
        return self._schedule.stalled_seconds(self._clock(), self._finished_at)

    def add(self, key: Key, after_seconds: float = 0.0, *, urgent: bool = False) -> None:
        """Schedule the key after so many seconds, or earlier if it already is.

        Once due, an `urgent` key is taken before all others.
        """
        if self._schedule.add(key, self._clock() + after_seconds, urgent=urgent):
            self._changed.set()

    def retry(self, key: Key) -> float:
        """Schedule a failed key after its back-off; returns the seconds."""
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._back_off.delay(self._failures[key], self._chance())
        self.add(key, delay)
        return delay

    async def serve(self, work: Callable[[Key], Awaitable[float | None]]) -> None:
        """A worker: process due keys for ever. Start several.

        `work` returns in how many seconds to repeat it, None for never; a key whose work raises is retried.
        """
        while True:
            key = await self._take()
            try:
                await self._work_on(key, work)
            finally:
                self._schedule.done(key)
                self._finished_at = self._clock()
                self._changed.set()

    async def _work_on(self, key: Key, work: Callable[[Key], Awaitable[float | None]]) -> None:
        try:
            after_seconds = await work(key)
        except Exception:
            self.retry(key)
            return
        self._failures.pop(key, None)
        if after_seconds is not None:
            self.add(key, after_seconds)

    async def _take(self) -> Key:
        while True:
            self._changed.clear()
            key = self._schedule.take(self._clock())
            if key is not None:
                self._changed.set()  # another worker may find the next one
                await self._wait_for_token(key)
                return key
            await self._wait()

    async def _wait_for_token(self, key: Key) -> None:
        if self._bucket is None:
            return
        try:
            await asyncio.sleep(self._bucket.take())
        except asyncio.CancelledError:
            self._schedule.done(key)
            raise

    async def _wait(self) -> None:
        """Wait until something changes or the next key is due."""
        due = self._schedule.next_due()
        timeout = None if due is None else max(0.0, due - self._clock())
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return
