"""Where kopf meets the operator: watch events in, keys into the queue. Only this and service.py know kopf.

Handlers carry no work and decide nothing, so no event is needed to go on: no finalizer, no annotation, no
state of kopf's. `kopf run -m collectiverun_operator.controller.handlers` works too.
"""

from __future__ import annotations

import logging
from typing import Any

import kopf

from collectiverun_operator.api.labels import GROUP, RUN_UID
from collectiverun_operator.controller import nameless_user  # noqa: F401  (before what it is for)
from collectiverun_operator.controller.runtime import OperatorRuntime
from collectiverun_operator.controller.settings import OperatorSettings, read_settings
from collectiverun_operator.errors import CollectiveRunError

RUNS = (GROUP, "v1alpha1", "collectiveruns")
JOBS = ("batch", "v1", "jobs")
PODS = ("", "v1", "pods")
LEASES = ("coordination.k8s.io", "v1", "leases")

WATCH_SECONDS = 300  # the server ends a watch, and kopf begins the next where it ended
REQUEST_SECONDS = 30
PAGE_SIZE = 500
# Events of so many objects are taken in at once, each kept this long in case there are more of it.
WORKER_LIMIT = 256
WORKER_IDLE_SECONDS = 0.1
EXIT_SECONDS = 20


@kopf.on.startup(errors=kopf.ErrorsMode.PERMANENT)
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Set kopf up, and start the operator if whoever started kopf did not."""
    try:
        if "runtime" not in memo:
            memo.runtime = await OperatorRuntime.start(read_settings())
    except CollectiveRunError as error:
        raise kopf.PermanentError(str(error)) from error
    configure(settings, memo.runtime.settings)
    if memo.runtime.settings.lease_name:
        kopf.on.event(*LEASES)(lease_event)


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Stop the operator."""
    if "runtime" in memo:
        await memo.runtime.stop()


@kopf.on.event(*RUNS)
async def run_event(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """A run changed."""
    memo.runtime.on_run_event(event["object"], is_deleted=event["type"] == "DELETED")


@kopf.on.event(*JOBS)
async def job_event(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """A Job of a run changed."""
    memo.runtime.on_object_event("Job", event["object"], is_deleted=event["type"] == "DELETED")


@kopf.on.event(*PODS)
async def pod_event(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """A Pod of a run changed."""
    memo.runtime.on_object_event("Pod", event["object"], is_deleted=event["type"] == "DELETED")


async def lease_event(event: kopf.RawEvent, namespace: str | None, memo: kopf.Memo, **_: Any) -> None:
    """The canary came back, unless it is a Lease of that name elsewhere."""
    if namespace == memo.runtime.settings.lease_namespace and event["type"] != "DELETED":
        memo.runtime.on_lease_event()


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no body: nothing asks what changed, and copying each of them is half of an event's cost."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Nothing."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Nothing."""

    def store(self, **_: Any) -> None:
        """Nothing."""


def configure(settings: kopf.OperatorSettings, ours: OperatorSettings) -> None:
    """Kopf as an informer only: watch what is asked for, filtered by the server, and write nothing."""
    settings.peering.standalone = True
    settings.scanning.disabled = True  # that would need rights on CRDs and namespaces
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = EXIT_SECONDS
    # Kopf takes its own finalizer off whatever bears it: under its default name that of any other operator.
    settings.persistence.finalizer = f"{GROUP}/unused"
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.networking.request_timeout = REQUEST_SECONDS
    _configure_watching(settings.watching, ours)
    # A worker that idles still counts as one, so many objects and kopf's 5 s would starve the rest.
    settings.queueing.worker_limit = WORKER_LIMIT
    settings.queueing.idle_timeout = WORKER_IDLE_SECONDS
    settings.queueing.exit_timeout = 1.0
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # else a line for each event


def _configure_watching(watching: Any, ours: OperatorSettings) -> None:
    watching.server_timeout = WATCH_SECONDS
    watching.client_timeout = WATCH_SECONDS + 30
    watching.connect_timeout = 10
    watching.chunk_size = PAGE_SIZE
    watching.label_selectors[JOBS] = RUN_UID
    watching.label_selectors[PODS] = RUN_UID
    watching.field_selectors[LEASES] = f"metadata.name={ours.lease_name}"
