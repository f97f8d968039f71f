"""The newest progress of running Pods, from the tails of their logs.

Only people depend on it, so it has the lowest priority: few requests at once, none that is waited for long,
and back-off for a Pod whose log can't be read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.api.pod_template import CONTAINER
from collectiverun_operator.api.trainer_report import newest_progress
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.rate_limit import TokenBucket, exponential_backoff

CONCURRENT_READS = 8
# With thousands of Pods each log is read less often than it is due.
READS_PER_SECOND = 10.0
READS_AT_ONCE = 100
# How long a reconcile that is to write progress waits for logs; with thousands of Pods nearly every one has
# some to wait for.
PATIENCE_SECONDS = 0.1
READ_SECONDS = 10.0
MAX_FAILURES = 4  # after so many in a row a log is read 16 times less often
TAIL = {"container": CONTAINER, "tailLines": 100, "limitBytes": 256 * 1024}


@dataclass
class _Followed:
    """The state of reading one Pod's log."""

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
    _bucket: TokenBucket = field(init=False)

    def __post_init__(self) -> None:
        self._bucket = TokenBucket(READS_PER_SECOND, READS_AT_ONCE, self.clock)

    async def newest(
        self, run_uid: str, pods: Iterable[JSONObject], patience_seconds: float = PATIENCE_SECONDS
    ) -> Mapping[str, Progress]:
        """Progress by Job name. Logs that are due are read; a slow answer is used the next time."""
        followed = self._follow(run_uid, pods)
        reads = [read for pod in followed.values() if (read := pod.reading) is not None]
        if reads and patience_seconds:
            await asyncio.wait(reads, timeout=patience_seconds)
        return {pod.job: pod.newest for pod in followed.values() if pod.newest is not None}

    def forget(self, run_uid: str) -> None:
        """Stop reading logs of a run that is gone."""
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
        followed = self._runs.pop(run_uid, {})
        running: dict[str, _Followed] = {}
        for pod in pods:
            if _runs(pod):
                uid = pod["metadata"]["uid"]
                running[uid] = followed.pop(uid) if uid in followed else _Followed(_job_name(pod))
                self._begin(running[uid], pod["metadata"])
        for left in followed.values():
            _stop(left)
        if running:
            self._runs[run_uid] = running
        return running

    def _begin(self, pod: _Followed, metadata: JSONObject) -> None:
        if pod.reading is None and self.clock() >= pod.due and self._bucket.try_take():
            path = paths.pod_log(metadata["namespace"], metadata["name"])
            pod.reading = asyncio.create_task(self._read(pod, path))

    async def _read(self, pod: _Followed, path: str) -> None:
        try:
            async with self._slots:
                log = await self.requests.read("get", path, query=TAIL, timeout_seconds=READ_SECONDS)
            newest = newest_progress(log.splitlines(), pod.newest)
            pod.newest = newest.after(pod.newest, self.requests.clock.now())
            pod.failures = 0
        except ClusterError:
            pod.failures = min(pod.failures + 1, MAX_FAILURES)
        finally:
            pod.due = self.clock() + exponential_backoff(self.progress_seconds, pod.failures + 1)
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
