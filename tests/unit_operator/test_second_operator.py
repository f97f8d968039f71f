"""Two operators hear of a Pod at different moments: what one wrote is no news of a loss to the other."""

from __future__ import annotations

import asyncio

from unit_operator.late_cluster import LateCluster, LateServer
from unit_operator.test_late_news import LateNews

from collectiverun_operator.api.run import Platform
from collectiverun_operator.controller.controller import Controller


class SecondCluster(LateCluster):
    """As an operator's controller asks it, for one run."""

    def __init__(self, server: LateServer, history: LateNews) -> None:
        super().__init__(server)
        self.history = history

    async def run(self, namespace, name):
        return self.history.body

    async def write_status(self, run, status):
        self.history.body = await super().write_status(run, status)
        return self.history.body

    async def refresh(self, namespace, run_uid, expected_pods):
        await self._jobs.refresh(namespace, run_uid, expected_pods)

    def lacks(self, run_uid, expected_pods):
        return self._jobs.lacks(run_uid, expected_pods)

    def post_event(self, *_):
        """Nobody asks for it here."""


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
