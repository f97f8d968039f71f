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

from collectiverun_operator.api.conditions import INVALID_POD_TEMPLATE, not_accepted
from collectiverun_operator.api.run import CollectiveRun, StoredRun
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.api.status_json import rejected_document, status_document, without_progress
from collectiverun_operator.cluster.protocol import Cluster
from collectiverun_operator.errors import Fault
from collectiverun_operator.jobs.dry_run import dry_run_jobs, is_dry_run_due
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.observation import Observed, observe
from collectiverun_operator.plan.plan import Action, CreateJob, DeleteJob, Plan, plan, reject
from collectiverun_operator.plan.scheduling import expected_jobs

OnWritten = Callable[[RunStatus, RunStatus], None]


@dataclass(frozen=True)
class Reconciled:
    """What a reconcile left: the run's body, its status, and when to look again if nothing happens before."""

    body: JSONObject
    status: RunStatus
    requeue_after_seconds: float | None


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
    `on_written`: called with the last status and the new one once that is written, before any action.
    """
    planned = await _plan(cluster, stored, now)
    body, before = stored.body, stored.body.get("status") or {}
    after = before if planned.status == stored.status else _document(stored, planned.status)
    if _must_write(before, after, write_progress=write_progress):
        body = await cluster.write_status(body, after)
        if on_written is not None:
            on_written(stored.status, planned.status)
    await _act_all(cluster, body, planned.actions)
    return Reconciled({**body, "status": after}, planned.status, planned.requeue_after_seconds)


async def _plan(cluster: Cluster, stored: StoredRun, now: datetime) -> Plan:
    run = stored.run
    if run is None:
        return Plan(reject(stored.status, stored.generation, stored.faults, now))
    fault = await _template_fault(cluster, run)
    if fault is not None and not run.status.has_begun:
        return Plan(reject(run.status, stored.generation, [fault], now, INVALID_POD_TEMPLATE))
    refusal = None if fault is None else not_accepted(INVALID_POD_TEMPLATE, [str(fault)])
    return plan(run, await _observe(cluster, run), now, refusal)


async def _template_fault(cluster: Cluster, run: CollectiveRun) -> Fault | None:
    """What the API server objects to in a Pod template that it has not accepted yet."""
    if not is_dry_run_due(run):
        return None
    for path, manifest in dry_run_jobs(run):
        refusal = await cluster.dry_run(manifest)
        if refusal is not None:
            return Fault(path, f"is refused by the API server: {refusal}")
    return None


async def _observe(cluster: Cluster, run: CollectiveRun) -> Observed:
    """What there is of the run. A cluster's list may be late: a live attempt's Job is asked for by name."""
    jobs = await cluster.jobs(run.uid)
    listed = {job["metadata"]["name"] for job in jobs}
    for name in expected_jobs(run):
        if name not in listed:
            job = await cluster.job(run.namespace, name, run.uid)
            jobs = jobs if job is None else [*jobs, job]
    return observe(jobs, await cluster.pods(run.uid), await cluster.progress(run.uid))


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
    elif isinstance(action, DeleteJob):
        await cluster.delete_job(action.namespace, action.name, action.uid, is_finished=action.is_finished)
    else:
        await cluster.delete_run(body)
