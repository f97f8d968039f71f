"""The protocol of a cluster: what the reconciler needs to carry out a plan.

Jobs and Pods are Kubernetes JSON, on this machine too, so that the same plan and the same Job manifests serve
both. A cluster never decides what runs, when to retry or when to stop; `plan/` does. It never opens the run's
storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from collectiverun_operator.api.outcome import Holdup, Progress
from collectiverun_operator.json_types import JSONObject


class Cluster(Protocol):
    """What the reconciler needs of a cluster."""

    async def jobs(self, run_uid: str) -> list[JSONObject]:
        """Every Job of the run, including finished and terminating ones."""

    async def pods(self, run_uid: str) -> list[JSONObject]:
        """Every Pod of the run, including finished and terminating ones."""

    async def job(self, namespace: str, name: str, run_uid: str) -> JSONObject | None:
        """The run's Job of that name, read afresh where `jobs` may be out of date; None if there is none."""

    async def create_job(self, manifest: JSONObject) -> JSONObject:
        """Create a Job. One of the same name and run that exists already is returned as it is."""

    async def delete_job(self, namespace: str, name: str, uid: str, *, is_finished: bool = False) -> None:
        """Delete the Job with this UID and its Pods (SIGTERM, grace period, SIGKILL), if it exists.

        The Job remains until its Pods are gone, unless it `is_finished` and no Pod of it runs.
        """

    async def progress(self, run_uid: str, *, is_awaited: bool = True) -> Mapping[str, Progress]:
        """The newest progress of each running Job, by the Job's name; if it is not awaited, what is known."""

    async def holdups(self, run_uid: str) -> Mapping[str, Holdup]:
        """What holds up Jobs of the run that have no Pod, by the Job's name, as far as anybody says."""

    async def relabel_job(self, namespace: str, name: str, uid: str, labels: Mapping[str, str]) -> None:
        """Set labels of the Job with this UID, if it exists."""

    async def write_status(self, run: JSONObject, status: JSONObject) -> JSONObject:
        """Store the run's new status durably, before any action; returns the run's body with it."""

    async def dry_run(self, manifest: JSONObject) -> str | None:
        """Server-side dry run: why this Job would be refused as invalid, or None. Nothing is created."""

    async def delete_run(self, run: JSONObject) -> None:
        """Delete the run (its time to live has expired). Its storage stays."""
