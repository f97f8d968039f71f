"""Observe, plan, write the status, act: one reconcile of one run, on any cluster. The only impure function.

The status is written first: an attempt is recorded before its Job exists, so that a reconcile that was cut
off at any point is simply repeated. If another operator changed the run first, the write raises the cluster's
ConflictError and nothing is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from collectiverun_operator.api.conditions import (
    INVALID_POD_TEMPLATE,
    INVALID_SPEC,
    NOT_CHECKED,
    DesiredCondition,
    not_accepted,
)
from collectiverun_operator.api.run import CollectiveRun, StoredRun
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.api.status_json import rejected_document, status_document, without_progress
from collectiverun_operator.cluster.protocol import Cluster
from collectiverun_operator.errors import ClusterError, Fault
from collectiverun_operator.jobs.dry_run import dry_run_jobs, is_dry_run_due
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.observation import Observed
from collectiverun_operator.plan.observing import observe
from collectiverun_operator.plan.plan import (
    Action,
    CreateJob,
    DeleteJob,
    Plan,
    RelabelJob,
    plan,
    reject,
)
from collectiverun_operator.plan.scheduling import doubtful_jobs, expected_jobs

# When to ask the API server again that could not check a run's Jobs.
RETRY_SECONDS = 15.0

OnWritten = Callable[[StoredRun, StoredRun], None]


@dataclass(frozen=True)
class Reconciled:
    """What a reconcile left.

    `stored`: the run as its cluster keeps it now. `status`: the newest one, whose progress may not be
    written yet. `requeue_after_seconds`: when to look again if nothing happens before.
    """

    stored: StoredRun
    status: RunStatus
    requeue_after_seconds: float | None
    actions: tuple[Action, ...] = ()


async def reconcile(
    cluster: Cluster,
    stored: StoredRun,
    now: datetime,
    *,
    write_progress: bool = True,
    on_written: OnWritten | None = None,
) -> Reconciled:
    """Reconcile one run (metadata.uid must be set). Raises ClusterError.

    `write_progress`: also write a status in which nothing but progress changed.
    `on_written`: called with the run before and after once its status is written, before any action.
    """
    planned = await _plan(cluster, stored, now, write_progress)
    status, before = planned.status, stored.body.get("status") or {}
    after = before if status == stored.status else _document(stored, status)
    if _must_write(before, after, write_progress=write_progress):
        status = status.replace(writes=stored.status.writes + 1)
        body = await cluster.write_status(stored.body, after | {"writes": status.writes})
        earlier, stored = stored, stored.updated(body, status)
        if on_written is not None:
            on_written(earlier, stored)
    await _act_all(cluster, stored.body, planned.actions)
    return Reconciled(stored, status, planned.requeue_after_seconds, planned.actions)


async def _plan(cluster: Cluster, stored: StoredRun, now: datetime, write_progress: bool) -> Plan:
    run = stored.run
    if run is None:
        rejected = not_accepted(INVALID_SPEC, [str(fault) for fault in stored.faults])
        return Plan(reject(stored.status, stored.generation, rejected, now))
    refusal = await _refusal(cluster, run)
    if refusal is None or run.status.has_begun:
        return plan(run, await _observe(cluster, run, write_progress), now, refusal)
    requeue = RETRY_SECONDS if refusal.reason == NOT_CHECKED else None
    return Plan(reject(run.status, stored.generation, refusal, now), (), requeue)


async def _refusal(cluster: Cluster, run: CollectiveRun) -> DesiredCondition | None:
    """Why the API server has not accepted a Pod template that it has not seen before."""
    if not is_dry_run_due(run):
        return None
    for path, manifest in dry_run_jobs(run):
        try:
            sentence = await cluster.dry_run(manifest)
        except ClusterError as error:
            if error.code < 500:  # of the operator, or no answer at all: no status could be written either
                raise
            text = f"the API server can't check the run's Jobs now, and is asked again: {error.sentence}"
            return not_accepted(NOT_CHECKED, [text])
        if sentence is not None:
            fault = Fault(path, f"is refused by the API server: {sentence}")
            return not_accepted(INVALID_POD_TEMPLATE, [str(fault)])
    return None


async def _observe(cluster: Cluster, run: CollectiveRun, write_progress: bool) -> Observed:
    """What there is of the run. A cluster's list may be late: a live attempt's Job is asked for by name.

    Logs are waited for only where their progress is to be written: the next phase may wait for this.
    """
    jobs = await cluster.jobs(run.uid)
    listed = {job["metadata"]["name"] for job in jobs}
    for name in expected_jobs(run):
        if name not in listed:
            job = await cluster.job(run.namespace, name, run.uid)
            jobs = jobs if job is None else [*jobs, job]
    pods = await cluster.pods(run.uid)
    progress = await cluster.progress(run.uid, is_awaited=write_progress)
    observed = observe(jobs, pods, progress, await cluster.holdups(run.uid))
    doubtful = [job.name for job in doubtful_jobs(run.status, observed)]
    if not doubtful:
        return observed
    fresh = {name: await cluster.job(run.namespace, name, run.uid) for name in doubtful}
    jobs = [fresh.get(job["metadata"]["name"]) or job for job in jobs]
    return observe(jobs, pods, progress, await cluster.holdups(run.uid))


def _document(stored: StoredRun, status: RunStatus) -> JSONObject:
    if stored.run is None or not status.has_begun:
        return rejected_document(status, stored.body.get("status") or {})
    return status_document(status)


def _must_write(before: JSONObject, after: JSONObject, *, write_progress: bool) -> bool:
    if before == after:
        return False
    return write_progress or without_progress(before) != without_progress(after)


async def _act_all(cluster: Cluster, body: JSONObject, actions: Iterable[Action]) -> None:
    """Take every action at once; an error is raised after all others were taken."""
    outcomes = await asyncio.gather(
        *(_act(cluster, body, action) for action in actions), return_exceptions=True
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def _act(cluster: Cluster, body: JSONObject, action: Action) -> None:
    if isinstance(action, CreateJob):
        await cluster.create_job(action.manifest)
    elif isinstance(action, RelabelJob):
        await cluster.relabel_job(action.namespace, action.name, action.uid, action.labels)
    elif isinstance(action, DeleteJob):
        await cluster.delete_job(action.namespace, action.name, action.uid, is_finished=action.is_finished)
    else:
        await cluster.delete_run(body)
