"""Deletes finished Jobs at a low rate: nobody waits for that.

Every deletion sends watch events to all who watch Jobs and Pods. A phase of many members whose Jobs were
deleted all at once would delay other runs. What waits of the same attempt of a phase goes in one request.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from collectiverun_operator.errors import ClusterError
from collectiverun_operator.rate_limit import DEFAULT_BACK_OFF, TokenBucket

DELETIONS_PER_SECOND = 10.0
DELETIONS_AT_ONCE = 10


@dataclass(frozen=True)
class Lot:
    """Jobs that differ in their members only; the values are those of their labels."""

    namespace: str
    run_uid: str
    phase: str
    attempt: str


@dataclass(frozen=True)
class Swept:
    """A finished Job of a lot."""

    name: str
    member: str


Delete = Callable[[Lot, Mapping[str, Swept]], Awaitable[None]]  # the Jobs by their UIDs

_log = logging.getLogger(__name__)


class Sweeper:
    """Deletes Jobs in the background and retries until it succeeds. Plans may ask for one repeatedly."""

    def __init__(self, delete: Delete) -> None:
        self._delete = delete
        self._bucket = TokenBucket(DELETIONS_PER_SECOND, DELETIONS_AT_ONCE)
        self._lots: dict[Lot, dict[str, Swept]] = {}
        self._sweeps: set[asyncio.Task[None]] = set()

    def add(self, lot: Lot, uid: str, job: Swept) -> None:
        """Schedule the deletion of the Job of this UID."""
        if lot not in self._lots:
            sweep = asyncio.create_task(self._sweep(lot))
            self._sweeps.add(sweep)
            sweep.add_done_callback(self._sweeps.discard)
        self._lots.setdefault(lot, {})[uid] = job

    async def close(self) -> None:
        """Drop what is scheduled: the plans of the next operator ask for it again."""
        sweeps = list(self._sweeps)
        for sweep in sweeps:
            sweep.cancel()
        await asyncio.gather(*sweeps, return_exceptions=True)

    async def _sweep(self, lot: Lot) -> None:
        """Delete what there is of a lot, and what is added meanwhile."""
        failures, waiting = 0, self._lots[lot]
        while waiting:
            await asyncio.sleep(max([self._bucket.take() for _ in waiting]))
            asked = dict(waiting)
            try:
                await self._delete(lot, asked)
            except ClusterError as error:
                names = ", ".join(job.name for job in asked.values())
                _log.warning(
                    "Jobs %s of %s could not be deleted and are retried: %s", names, lot.namespace, error
                )
                failures += 1
                await asyncio.sleep(DEFAULT_BACK_OFF.delay(failures, random.random()))
            else:
                failures = 0
                for uid in asked:
                    del waiting[uid]
        del self._lots[lot]
