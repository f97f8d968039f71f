"""Observe, plan, write the status, act: one round for one run, on any cluster. The only impure function.

The status is written first: an attempt is remembered before its Job exists, so that a round cut off at any
point is simply done again. Who loses the write (another operator won it) gets the cluster's error and does
not act.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectiverun_operator.api.conditions import INVALID_POD_TEMPLATE, not_accepted
from collectiverun_operator.api.run import CollectiveRun, Platform, parse_run
from collectiverun_operator.api.status_json import read_status, without_progress
from collectiverun_operator.cluster.protocol import Cluster
from collectiverun_operator.errors import Fault, InvalidRun
from collectiverun_operator.jobs.dry_run import dry_run_jobs, is_dry_run_due
from collectiverun_operator.plan.observation import Observed, observe
from collectiverun_operator.plan.plan import Action, CreateJob, DeleteJob, Plan, plan, reject
from collectiverun_operator.plan.scheduling import expected_jobs

JSONObject = dict[str, Any]

THIS_MACHINE = Platform()


@dataclass(frozen=True)
class Reconciled:
    """What a round left: the run with its new status, and when to look again if nothing happens before."""

    body: JSONObject
    requeue_after_seconds: float | None

    @property
    def status(self) -> JSONObject:
        """The run's status as planned."""
        status: JSONObject = self.body["status"]
        return status


async def reconcile(
    cluster: Cluster,
    body: JSONObject,
    now: datetime,
    platform: Platform = THIS_MACHINE,
    *,
    write_progress: bool = True,
    on_written: Callable[[JSONObject, JSONObject], None] | None = None,
) -> Reconciled:
    """One round for the run `body` (metadata.uid must be set).

    `write_progress`: also write a status in which nothing but progress figures changed.
    `on_written`: told the last status and the new one once that is written, before anything is done.
    """
    planned = await _plan(cluster, body, now, platform)
    if _must_write(body.get("status") or {}, planned.status, write_progress=write_progress):
        before, body = body.get("status") or {}, await cluster.write_status(body, planned.status)
        if on_written is not None:
            on_written(before, planned.status)
    await _act_all(cluster, body, planned.actions)
    return Reconciled({**body, "status": planned.status}, planned.requeue_after_seconds)


async def _plan(cluster: Cluster, body: JSONObject, now: datetime, platform: Platform) -> Plan:
    try:
        run = parse_run(body, platform)
    except InvalidRun as error:
        return Plan(reject(body, error.faults, now))
    fault = await _template_fault(cluster, run)
    if fault is not None and not run.status.get("specHash"):  # it has not begun
        return Plan(reject(body, [fault], now, INVALID_POD_TEMPLATE))
    refusal = None if fault is None else not_accepted(INVALID_POD_TEMPLATE, [str(fault)])
    return plan(run, await _observe(cluster, run), now, refusal)


async def _template_fault(cluster: Cluster, run: CollectiveRun) -> Fault | None:
    """What the cluster has against a Pod template that it has not seen yet."""
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
    status = read_status(run.status)
    listed = {job["metadata"]["name"] for job in jobs}
    for name in expected_jobs(run, status) if status is not None else ():
        if name not in listed:
            found = await cluster.job(run.namespace, name, run.uid)
            jobs = jobs if found is None else [*jobs, found]
    return observe(jobs, await cluster.pods(run.uid), await cluster.progress(run.uid))


def _must_write(before: JSONObject, after: JSONObject, *, write_progress: bool) -> bool:
    if before == after:
        return False
    return write_progress or without_progress(before) != without_progress(after)


async def _act_all(cluster: Cluster, body: JSONObject, actions: Iterable[Action]) -> None:
    """Take every action at once; one that is refused keeps no other from being taken, and is raised then."""
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
