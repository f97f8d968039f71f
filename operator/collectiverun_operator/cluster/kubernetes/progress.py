"""The newest progress of running Pods, from the ends of their logs.

Nothing depends on it but figures for people, so it yields to everything else: few requests at once, none
that is waited for long, and a Pod whose log can't be read is left alone for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.api.pod_template import CONTAINER
from collectiverun_operator.api.trainer_report import newest_progress
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError

JSONObject = dict[str, Any]

CONCURRENT_READS = 8
# What thousands of Pods may cost: then each is read less often than it is due.
READS_PER_SECOND = 10.0
READS_AT_ONCE = 100.0
# A worker waits so long in a round; with thousands of Pods nearly every round has a log to wait for.
PATIENCE_SECONDS = 0.1
READ_SECONDS = 10.0
MAX_FAILURES = 4  # after so many in a row a log is read 16 times less often
TAIL = {"container": CONTAINER, "tailLines": 100, "limitBytes": 256 * 1024}


@dataclass
class _Followed:
    """What is known of one Pod's log."""

    job: str
    newest: Progress | None = None
    due: float = 0.0
    failures: int = 0
    reading: asyncio.Task[None] | None = None


@dataclass
class PodProgress:
    """Reads logs in the background, each at most every `progress_seconds`."""

    requests: KubernetesRequests
    progress_seconds: float
    clock: Callable[[], float] = time.monotonic
    _runs: dict[str, dict[str, _Followed]] = field(default_factory=dict)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT_READS))
    _allowance: float = READS_AT_ONCE
    _counted_at: float = 0.0

    async def newest(self, run_uid: str, pods: Iterable[JSONObject]) -> Mapping[str, Progress]:
        """Progress by Job name. Logs that are due are read; a slow answer is there the next time."""
        followed = self._follow(run_uid, pods)
        if reads := [read for pod in followed.values() if (read := pod.reading) is not None]:
            await asyncio.wait(reads, timeout=PATIENCE_SECONDS)
        return {pod.job: pod.newest for pod in followed.values() if pod.newest is not None}

    def forget(self, run_uid: str) -> None:
        """Follow the run's Pods no longer."""
        for pod in self._runs.pop(run_uid, {}).values():
            _stop(pod)

    async def close(self) -> None:
        """Stop every read."""
        reads = [
            pod.reading for run in self._runs.values() for pod in run.values() if pod.reading is not None
        ]
        for run_uid in list(self._runs):
            self.forget(run_uid)
        await asyncio.gather(*reads, return_exceptions=True)

    def _follow(self, run_uid: str, pods: Iterable[JSONObject]) -> dict[str, _Followed]:
        """Follow exactly the Pods that run now, and begin the reads that are due."""
        known = self._runs.pop(run_uid, {})
        now: dict[str, _Followed] = {}
        for pod in pods:
            if _runs(pod):
                uid = pod["metadata"]["uid"]
                now[uid] = known.pop(uid) if uid in known else _Followed(_job_name(pod))
                self._begin(now[uid], pod["metadata"])
        for left in known.values():
            _stop(left)
        if now:
            self._runs[run_uid] = now
        return now

    def _begin(self, pod: _Followed, metadata: JSONObject) -> None:
        if pod.reading is None and self.clock() >= pod.due and self._may_read():
            path = paths.pod_log(metadata["namespace"], metadata["name"])
            pod.reading = asyncio.create_task(self._read(pod, path))

    def _may_read(self) -> bool:
        now = self.clock()
        gained = (now - self._counted_at) * READS_PER_SECOND
        self._allowance, self._counted_at = min(READS_AT_ONCE, self._allowance + gained), now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    async def _read(self, pod: _Followed, path: str) -> None:
        try:
            async with self._slots:
                log = await self.requests.read("get", path, query=TAIL, timeout_seconds=READ_SECONDS)
            pod.newest = newest_progress(log.splitlines()) or pod.newest
            pod.failures = 0
        except ClusterError:
            pod.failures = min(pod.failures + 1, MAX_FAILURES)
        finally:
            pod.due = self.clock() + self.progress_seconds * 2**pod.failures
            pod.reading = None


def _runs(pod: JSONObject) -> bool:
    containers = pod.get("status", {}).get("containerStatuses") or []
    return any("running" in (container.get("state") or {}) for container in containers)


def _job_name(pod: JSONObject) -> str:
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(owner["name"]) for owner in owners if owner.get("kind") == "Job"), "")


def _stop(pod: _Followed) -> None:
    if pod.reading is not None:
        pod.reading.cancel()
