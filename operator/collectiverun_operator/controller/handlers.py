"""The kopf handlers: watch events put keys into the queue. Only this module and `main` know kopf.

Handlers do no work and decide nothing, so no single event is needed: no finalizer, no annotation, no state
of kopf's. `kopf run -m collectiverun_operator.controller.handlers` works too.
"""

from __future__ import annotations

import logging
from typing import Any

import kopf

from collectiverun_operator.api.labels import GROUP
from collectiverun_operator.controller import nameless_user  # noqa: F401  (before what it is for)
from collectiverun_operator.controller.runtime import OperatorRuntime
from collectiverun_operator.controller.settings import OperatorSettings, read_settings
from collectiverun_operator.errors import CollectiveRunError

RUNS = (GROUP, "v1alpha1", "collectiveruns")
LEASES = ("coordination.k8s.io", "v1", "leases")

WATCH_SECONDS = 300  # then the server ends a watch, and kopf continues with the next
REQUEST_SECONDS = 30
PAGE_SIZE = 100
# Objects whose events are processed at once, and how long each of these workers waits for more.
WORKER_LIMIT = 256
WORKER_IDLE_SECONDS = 0.1
EXIT_SECONDS = 20


@kopf.on.startup(errors=kopf.ErrorsMode.PERMANENT)
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Configure kopf, and start the operator unless `main` did."""
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


async def lease_event(event: kopf.RawEvent, namespace: str | None, memo: kopf.Memo, **_: Any) -> None:
    """The canary Lease came back through the watch, unless it is one of another namespace."""
    if namespace == memo.runtime.settings.lease_namespace and event["type"] != "DELETED":
        memo.runtime.on_lease_event()


class NoDiffBase(kopf.DiffBaseStorage):
    """Stores no body: nothing needs a diff, and copying each body is half of an event's cost."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Nothing."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Nothing."""

    def store(self, **_: Any) -> None:
        """Nothing."""


def configure(settings: kopf.OperatorSettings, ours: OperatorSettings) -> None:
    """Use kopf as an informer only: server-side filtered watches, and no writes."""
    settings.peering.standalone = True
    settings.scanning.disabled = True  # that would need permissions on CRDs and namespaces
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = EXIT_SECONDS
    # Kopf removes its finalizer from any object; under the default name also that of other operators.
    settings.persistence.finalizer = f"{GROUP}/unused"
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.networking.request_timeout = REQUEST_SECONDS
    _configure_watching(settings.watching, ours)
    # Idle workers count too: with many objects and kopf's 5 s they would starve the rest.
    settings.queueing.worker_limit = WORKER_LIMIT
    settings.queueing.idle_timeout = WORKER_IDLE_SECONDS
    settings.queueing.exit_timeout = 1.0
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # otherwise one line for each event


def _configure_watching(watching: Any, ours: OperatorSettings) -> None:
    watching.server_timeout = WATCH_SECONDS
    watching.client_timeout = WATCH_SECONDS + 30
    watching.connect_timeout = 10
    watching.chunk_size = PAGE_SIZE
    watching.field_selectors[LEASES] = f"metadata.name={ours.lease_name}"
