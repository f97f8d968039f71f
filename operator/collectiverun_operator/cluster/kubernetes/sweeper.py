"""Deletes finished Jobs at a low rate: nobody waits for that.

Every deletion sends watch events to all who watch Jobs and Pods. A phase of many members whose Jobs were
deleted all at once would delay other runs.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from itertools import count

from collectiverun_operator.errors import ClusterError
from collectiverun_operator.rate_limit import DEFAULT_BACK_OFF, TokenBucket

DELETIONS_PER_SECOND = 10.0
DELETIONS_AT_ONCE = 10

Delete = Callable[[str, str, str], Awaitable[None]]  # namespace, name, UID

_log = logging.getLogger(__name__)


class Sweeper:
    """Deletes Jobs in the background and retries until it succeeds. Plans may ask for one repeatedly."""

    def __init__(self, delete: Delete) -> None:
        self._delete = delete
        self._bucket = TokenBucket(DELETIONS_PER_SECOND, DELETIONS_AT_ONCE)
        self._sweeps: dict[str, asyncio.Task[None]] = {}

    def add(self, namespace: str, name: str, uid: str) -> None:
        """Schedule the deletion of the Job of this UID."""
        if uid not in self._sweeps:
            self._sweeps[uid] = sweep = asyncio.create_task(self._sweep(namespace, name, uid))
            sweep.add_done_callback(lambda _: self._sweeps.pop(uid, None))

    async def close(self) -> None:
        """Drop what is scheduled: the plans of the next operator ask for it again."""
        sweeps = list(self._sweeps.values())
        for sweep in sweeps:
            sweep.cancel()
        await asyncio.gather(*sweeps, return_exceptions=True)

    async def _sweep(self, namespace: str, name: str, uid: str) -> None:
        for failures in count(1):
            await asyncio.sleep(self._bucket.take())
            try:
                await self._delete(namespace, name, uid)
                return
            except ClusterError as error:
                _log.warning("Job %s/%s could not be deleted and is retried: %s", namespace, name, error)
            await asyncio.sleep(DEFAULT_BACK_OFF.delay(failures, random.random()))
