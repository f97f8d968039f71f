"""The verbs of a cluster: what the reconciler needs to carry out a plan.

Everything speaks Kubernetes' own JSON shapes (plain dicts), on this machine too, so that the same plan and
the same Job manifests serve both. A cluster obeys: it never decides what runs, when to retry or when to
stop; `plan/` does. It never opens the run's storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.json_types import JSONObject


class Cluster(Protocol):
    """What the reconciler needs of a cluster. Every document is Kubernetes JSON."""

    async def jobs(self, run_uid: str) -> list[JSONObject]:
        """Every Job of the run, finished and terminating ones too."""

    async def pods(self, run_uid: str) -> list[JSONObject]:
        """Every Pod of the run, finished and terminating ones too."""

    async def job(self, namespace: str, name: str, run_uid: str) -> JSONObject | None:
        """The run's Job of that name, asked for anew where `jobs` may be late; None if there is none."""

    async def create_job(self, manifest: JSONObject) -> JSONObject:
        """The Job as created. One that is already there under the same name and run is returned as it is."""

    async def delete_job(self, namespace: str, name: str, uid: str, *, is_finished: bool = False) -> None:
        """Delete the Job with this UID and its Pods: SIGTERM, grace, SIGKILL. None there is success.

        The Job is there until its Pods are gone, unless it `is_finished`, so that none of them runs.
        """

    async def progress(self, run_uid: str) -> Mapping[str, Progress]:
        """The newest progress line of each running Job, by the Job's name."""

    async def write_status(self, run: JSONObject, status: JSONObject) -> JSONObject:
        """Keep the run's new status durably, before any action; returns the run with it."""

    async def dry_run(self, manifest: JSONObject) -> str | None:
        """Why this Job would be refused as invalid; None if it would not. Nothing is made."""

    async def delete_run(self, run: JSONObject) -> None:
        """Forget the run (its time to live is over). Its storage stays."""
