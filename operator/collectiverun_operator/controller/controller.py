"""Reconciles one run on Kubernetes: read it, reconcile, emit Events, say when to reconcile again.

Reconciling is level-triggered: it starts from the current state, whatever event caused it. An error is
reported where the run's owner sees it, and delays no other run.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from collectiverun_operator.api.run import Platform, StoredRun
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.api.status_json import UnreadableStatusError
from collectiverun_operator.cluster.kubernetes.cluster import KubernetesCluster
from collectiverun_operator.controller.logs import about
from collectiverun_operator.controller.metrics import Metrics
from collectiverun_operator.controller.tracked_run import TrackedRun
from collectiverun_operator.errors import ClusterError, ConflictError, NameTakenError
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.events import EventText, action_events, transitions
from collectiverun_operator.reconciler import Reconciled, reconcile

RunKey = tuple[str, str]  # namespace, name

# How often a reconcile is attempted at once if its write conflicts.
TRIES = 4
# A finished run changes only if its owner edits it, or at a time that the plan gives.
FINISHED_RESYNC_FACTOR = 12

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intervals:
    """How often a run is reconciled, and its progress written, though nothing happened."""

    resync_seconds: float = 300.0
    progress_seconds: float = 30.0


class Controller:
    """Reconciles runs by key. The queue never runs two reconciles of one key at a time."""

    def __init__(
        self,
        cluster: KubernetesCluster,
        platform: Platform,
        intervals: Intervals = Intervals(),
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._platform = platform
        self._intervals = intervals
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._runs: dict[RunKey, TrackedRun] = {}

    def states(self) -> Iterator[str]:
        """The state of each run that exists."""
        return (tracked.state for tracked in list(self._runs.values()) if tracked.state)

    def see(self, key: RunKey, version: str) -> bool:
        """A watch event told of this version of a run; whether it is news: own writes cause events too."""
        tracked = self._runs.get(key)
        return tracked is None or tracked.see(version)

    async def reconcile(self, key: RunKey) -> float | None:
        """Reconcile a run; in how many seconds to do so again if nothing happens, None if the run is gone.

        Raises what went wrong after it was reported, so that the queue retries later.
        """
        began, result = self._clock(), "error"
        try:
            after = await self._reconcile_despite_conflicts(key)
            result = "ok"
        except ClusterError as error:
            result = "conflict" if isinstance(error, ConflictError) else "error"
            self._report_error(key, "RequestRefused", str(error), is_temporary=_is_temporary(error))
            raise
        except Exception as error:
            _log.exception("reconcile failed", extra=about(*key))
            text = f"{type(error).__name__}: {error}; see the operator's log"
            self._report_error(key, "OperatorError", text)
            raise
        finally:
            self._metrics.reconcile_seconds.labels(result).observe(self._clock() - began)
        return after

    async def _reconcile_despite_conflicts(self, key: RunKey) -> float | None:
        for _ in range(TRIES - 1):
            try:
                return await self._reconcile_once(key)
            except ConflictError:
                continue  # the run was changed meanwhile: read it again
        return await self._reconcile_once(key)

    async def _reconcile_once(self, key: RunKey) -> float | None:
        stored = self._kept(key)
        if stored is None:
            body = await self._cluster.run(*key)
            if body is None:
                self._forget(key)
                return None
            self._track(key, body)
            if body["metadata"].get("deletionTimestamp"):
                return None  # its Jobs are deleted with it; nothing new is started
            try:
                stored = StoredRun.read(body, self._platform)
            except UnreadableStatusError as error:
                self._report_error(key, "UnreadableStatus", str(error))
                return self._intervals.resync_seconds
        tracked = self._runs[key]
        await self._refresh(tracked, stored)
        reconciled = await self._reconcile_stored(tracked, stored)
        tracked.last_error = ""
        return self._requeue_after(tracked, reconciled)

    def _kept(self, key: RunKey) -> StoredRun | None:
        """The run as the last reconcile left it, unless it is to be read again."""
        tracked = self._runs.get(key)
        return None if tracked is None or self._is_resync_due(tracked) else tracked.newest()

    async def _reconcile_stored(self, tracked: TrackedRun, stored: StoredRun) -> Reconciled:
        now = self._clock()
        is_due = now - tracked.progress_at >= self._intervals.progress_seconds

        def on_written(before: StoredRun, after: StoredRun) -> None:
            # Not after the reconcile: what is written is reported even if an action fails, and the watch
            # event of the write comes while actions are taken.
            tracked.keep(after)
            self._emit_events(after.body, before.status, after.status)

        try:
            reconciled = await reconcile(
                self._cluster, stored, self._cluster.now(), write_progress=is_due, on_written=on_written
            )
        except ConflictError:
            tracked.distrust()
            raise
        if is_due:
            # With jitter: all runs start with the operator, but need not be written at the same time.
            tracked.progress_at = now + random.uniform(0, self._intervals.progress_seconds / 3)
        self._post_events(stored.body, action_events(reconciled.actions))
        tracked.keep(reconciled.stored)
        return reconciled

    def _emit_events(self, body: JSONObject, before: RunStatus, after: RunStatus) -> None:
        self._metrics.count_transition(before, after)
        self._post_events(body, transitions(before, after))

    def _post_events(self, body: JSONObject, events: Iterable[EventText]) -> None:
        metadata = body["metadata"]
        for event in events:
            level = logging.WARNING if event.type == "Warning" else logging.INFO
            extra = about(metadata["namespace"], metadata["name"], phase=event.phase, member=event.member)
            _log.log(level, "%s: %s", event.reason, event.message, extra=extra)
            self._cluster.events.post(body, event.type, event.reason, event.message)

    async def _refresh(self, tracked: TrackedRun, stored: StoredRun) -> None:
        """List the run's Jobs and Pods now and then: the watch events that fill the cache may be missed.

        At once where the status records a Pod that the cache lacks: another operator saw it first.
        """
        if _is_at_rest(stored, stored.status):
            return
        metadata, recorded = stored.body["metadata"], stored.status.live_pods()
        if not (self._is_resync_due(tracked) or self._cluster.lacks(tracked.uid, recorded)):
            return
        if stored.body.get("status"):  # before the first status there is no Job
            await self._cluster.refresh(metadata["namespace"], tracked.uid, recorded)
        tracked.refreshed_at = self._clock() - random.uniform(0, self._intervals.resync_seconds / 5)

    def _is_resync_due(self, tracked: TrackedRun) -> bool:
        return self._clock() - tracked.refreshed_at >= self._intervals.resync_seconds

    def _requeue_after(self, tracked: TrackedRun, reconciled: Reconciled) -> float:
        now = self._clock()
        moments = [tracked.refreshed_at + self._intervals.resync_seconds]
        if _is_at_rest(reconciled.stored, reconciled.status):
            moments = [now + FINISHED_RESYNC_FACTOR * self._intervals.resync_seconds]
        elif tracked.state == "Running":
            moments.append(tracked.progress_at + self._intervals.progress_seconds)
        if reconciled.requeue_after_seconds is not None:
            moments.append(now + reconciled.requeue_after_seconds)
        return max(0.0, min(moments) - now)

    def _report_error(self, key: RunKey, reason: str, text: str, *, is_temporary: bool = False) -> None:
        """Report an error of a run once, in the log and, unless it is temporary, as an Event."""
        tracked = self._runs.get(key)
        if tracked is not None and tracked.last_error == text:
            return
        _log.warning("%s: %s", reason, text, extra=about(*key))
        if tracked is None:
            return
        tracked.last_error = text
        if not is_temporary:
            metadata = {"namespace": key[0], "name": key[1], "uid": tracked.uid}
            self._cluster.events.post({"metadata": metadata}, "Warning", reason, text)

    def _track(self, key: RunKey, body: JSONObject) -> TrackedRun:
        uid = body["metadata"]["uid"]
        if key in self._runs and self._runs[key].uid != uid:
            self._forget(key)
        return self._runs.setdefault(key, TrackedRun(uid))

    def _forget(self, key: RunKey) -> None:
        tracked = self._runs.pop(key, None)
        if tracked is not None:
            self._cluster.forget(tracked.uid)


def _is_at_rest(stored: StoredRun, status: RunStatus) -> bool:
    """Whether the run is finished and nobody has asked to re-open it."""
    is_reopened = stored.run is not None and stored.run.spec.retry_token != status.retry_token
    return status.is_finished and not is_reopened


def _is_temporary(error: ClusterError) -> bool:
    """Whether the error is likely to pass by itself, so that it is only logged."""
    if isinstance(error, NameTakenError):
        return False
    return error.code in (0, 409, 429) or error.code >= 500
