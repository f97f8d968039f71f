"""Observe, plan, write the status, act: one round for one run, on any cluster. The only impure function.

The status is written first: an attempt is remembered before its Job exists, so that a round cut off at any
point is simply done again. Who loses the write (another operator won it) gets the cluster's error and does
not act.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectiverun_operator.cluster import Cluster
from collectiverun_operator.errors import InvalidRun
from collectiverun_operator.observation import observe
from collectiverun_operator.planning import Action, CreateJob, DeleteJob, Plan, plan, reject
from collectiverun_operator.resource import Platform, parse_run
from collectiverun_operator.status import without_progress

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
    write_figures: bool = True,
) -> Reconciled:
    """One round for the run `body` (metadata.uid must be set).

    `write_figures`: also write a status in which nothing but progress figures changed.
    """
    planned = await _plan(cluster, body, now, platform)
    if _must_write(body.get("status") or {}, planned.status, write_figures=write_figures):
        body = await cluster.write_status(body, planned.status)
    for action in planned.actions:
        await _act(cluster, body, action)
    return Reconciled({**body, "status": planned.status}, planned.requeue_after_seconds)


async def _plan(cluster: Cluster, body: JSONObject, now: datetime, platform: Platform) -> Plan:
    try:
        run = parse_run(body, platform)
    except InvalidRun as error:
        return Plan(reject(body, error.faults, now))
    progress = await cluster.progress(run.uid)
    return plan(run, observe(await cluster.jobs(run.uid), await cluster.pods(run.uid), progress), now)


def _must_write(before: JSONObject, after: JSONObject, *, write_figures: bool) -> bool:
    if before == after:
        return False
    return write_figures or without_progress(before) != without_progress(after)


async def _act(cluster: Cluster, body: JSONObject, action: Action) -> None:
    if isinstance(action, CreateJob):
        await cluster.create_job(action.manifest)
    elif isinstance(action, DeleteJob):
        await cluster.delete_job(action.namespace, action.name, action.uid)
    else:
        await cluster.delete_run(body)
