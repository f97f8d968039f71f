"""Positions in Kueue's queues: one request a LocalQueue tells those of all its Jobs, of any run.

Nobody depends on it, and not every cluster has it: Kueue serves it from an API server of its own.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError
from collectiverun_operator.json_types import JSONObject

# An answer is used for so long.
FRESH_SECONDS = 15.0
# Where there is no such API, no right to it or no answer it is asked for again no sooner.
REFUSED_SECONDS = 300.0
# Reconciles wait for it.
TIMEOUT_SECONDS = 5.0


@dataclass
class _Answer:
    positions: Mapping[str, int] = field(default_factory=dict)
    due_at: float = -math.inf
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class QueuePositions:
    """The newest positions by namespace and LocalQueue. `clock` in seconds."""

    def __init__(self, requests: KubernetesRequests, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = requests
        self._clock = clock
        self._queues: dict[tuple[str, str], _Answer] = defaultdict(_Answer)

    async def of(self, namespace: str, queue: str) -> Mapping[str, int]:
        """Position of each Job that waits in a LocalQueue, by its UID, 1 for the next; nothing if untold."""
        answer = self._queues[namespace, queue]
        async with answer.lock:
            if self._clock() >= answer.due_at:
                await self._ask(answer, paths.pending_workloads(namespace, queue))
        return answer.positions

    async def _ask(self, answer: _Answer, path: str) -> None:
        try:
            pending = await self._requests.send("get", path, timeout_seconds=TIMEOUT_SECONDS)
        except ClusterError:
            answer.positions, seconds = {}, REFUSED_SECONDS
        else:
            answer.positions, seconds = _positions(pending), FRESH_SECONDS
        answer.due_at = self._clock() + seconds


def _positions(pending: JSONObject) -> dict[str, int]:
    """By owner, which is the Job; Kueue counts from 0."""
    return {
        str(owner.get("uid")): int(workload["positionInLocalQueue"]) + 1
        for workload in pending.get("items") or []
        if "positionInLocalQueue" in workload
        for owner in (workload.get("metadata") or {}).get("ownerReferences") or []
    }
