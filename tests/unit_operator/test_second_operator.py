"""Two operators hear of a Pod at different moments: what one wrote is no news of a loss to the other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

from unit_operator.late_cluster import LateCluster, LateServer
from unit_operator.test_late_news import LateNews

from collectiverun_operator.api.run import Platform
from collectiverun_operator.controller.controller import Controller
from collectiverun_operator.errors import ConflictError


class SecondCluster(LateCluster):
    """As an operator's controller asks it, for one run."""

    def __init__(self, server: LateServer, history: LateNews) -> None:
        super().__init__(server)
        self.history = history

    def now(self):
        return datetime.now(UTC)

    async def run(self, namespace, name):
        return self.history.body

    async def write_status(self, run, status):
        self.history.body = await super().write_status(run, status)
        return self.history.body

    @property
    def events(self):
        return SimpleNamespace(post=lambda *_: None)  # nobody asks for them here


def test_a_pod_that_the_other_operator_saw_first_is_not_gone():
    history = LateNews()
    history.begin(("reach",))
    history.body["metadata"] |= {"uid": history.uid, "namespace": "default"}
    second = Controller(SecondCluster(history.cluster.server, history), Platform())
    asyncio.run(second.reconcile(("default", "demo")))
    history.the_world_goes_on(1)
    history.deliver("Pod", 99)
    history.reconcile()
    assert history.status()["phases"][0]["members"][0]["podUid"]
    asyncio.run(second.reconcile(("default", "demo")))
    history.nobody_is_tried_twice()


class VersionedCluster(SecondCluster):
    """The run has a version, as on a server: only who read the newest one may write."""

    reads = 0

    async def run(self, namespace, name):
        self.reads += 1
        return await super().run(namespace, name)

    async def write_status(self, run, status):
        if run["metadata"]["resourceVersion"] != self.version:
            raise ConflictError("the object has been modified", code=409)
        written = await super().write_status({**self.history.body, **run}, status)
        self.change()
        return written

    @property
    def version(self):
        return self.history.body["metadata"]["resourceVersion"]

    def change(self):
        """Somebody writes the run, and no watch event has told of it yet."""
        self.history.body["metadata"]["resourceVersion"] = str(int(self.version) + 1)


def test_a_run_is_read_again_after_a_conflict_though_no_event_told_of_the_change():
    history = LateNews()
    history.begin(("reach",))
    history.body["metadata"] |= {"uid": history.uid, "namespace": "default", "resourceVersion": "1"}
    cluster = VersionedCluster(history.cluster.server, history)
    controller = Controller(cluster, Platform())
    asyncio.run(controller.reconcile(("default", "demo")))
    assert cluster.reads == 1
    history.the_world_goes_on(1)
    cluster.deliver("Job", 99)
    cluster.deliver("Pod", 99)
    cluster.change()
    asyncio.run(controller.reconcile(("default", "demo")))
    assert cluster.reads == 2
    assert history.body["status"]["phases"][0]["members"][0]["podUid"]
