"""However late an operator hears of Jobs and Pods, and in whatever order: lateness alone costs nothing."""

from __future__ import annotations

import asyncio
import copy
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.run_bodies import tasks
from unit_operator.builders import NOON, a_body
from unit_operator.late_cluster import LateCluster, LateServer
from unit_operator.simulated_cluster import SimulatedCluster

from collectiverun_operator.api.pod_outcome import is_finished
from collectiverun_operator.api.run import StoredRun, parse_run
from collectiverun_operator.api.status_json import read_status
from collectiverun_operator.reconciler import reconcile

# Kueue takes a second from the suspension of a Job until its place is free for the next.
SETTLING_TIME = timedelta(seconds=2)


class LateNews(RuleBasedStateMachine):
    """A run of which nothing goes wrong but the news: no Pod fails, nobody deletes anything.

    A queue may hold its Jobs, and take their places back as often as it likes.
    """

    @initialize(names=st.sampled_from([("reach",), ("reach", "push")]))
    def begin(self, names):
        self.body = a_body(tasks=tasks(*names))
        self.uid = parse_run(self.body).uid
        self.now = NOON
        self.world = SimulatedCluster()
        self.cluster = LateCluster(LateServer(self.world, lambda: self.now))
        self.reconcile()

    @rule()
    def reconcile(self):
        self.body = asyncio.run(reconcile(self.cluster, StoredRun.read(self.body), self.now)).stored.body

    @rule(kind=st.sampled_from(["Job", "Pod"]), count=st.sampled_from([1, 3, 99]))
    def deliver(self, kind, count):
        self.cluster.deliver(kind, count)

    @rule()
    def refresh(self):
        asyncio.run(self.cluster.refresh("default", self.uid, read_status(self.status()).live_pods()))

    @rule()
    def restart(self):
        """A new process lists a run before it plans for it."""
        self.cluster.restart()
        self.refresh()
        self.reconcile()

    @rule()
    def the_servers_own_cache_lags(self):
        self.cluster.server.lag()

    @rule(seconds=st.sampled_from([1, 30, 700]))
    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(turns=st.integers(1, 2))
    def the_world_goes_on(self, turns):
        """Pods are made, start, publish and end; the operator hears nothing of it yet."""
        for _ in range(turns):
            go_on(self.world, self.now)
            self.cluster.server.note()

    @rule(holds=st.booleans())
    def hold_new_jobs(self, holds):
        self.world.holds_new_jobs = holds

    @rule(data=st.data())
    def evict_a_job(self, data):
        names = [name for name, job in self.world.jobs.items() if not is_finished(job)]
        if names:
            self.now += SETTLING_TIME
            self.world.evict(data.draw(st.sampled_from(sorted(names))), self.now)
        self.cluster.server.note()

    @rule()
    def admit_every_job(self):
        self.now += SETTLING_TIME
        admit_all(self.world)
        self.cluster.server.note()

    @rule(data=st.data())
    def start_a_pod(self, data):
        self.world.control(self.now)
        uids = [uid for uid, pod in self.world.pods.items() if pod["status"]["phase"] == "Pending"]
        if uids:
            self.world.start(data.draw(st.sampled_from(sorted(uids))))
        self.cluster.server.note()

    @rule()
    def lose_sight_of_the_jobs(self):
        """A watch may be wrong about what there is, until a fresh list."""
        self.cluster.lose_sight("Job", self.uid)

    @invariant()
    def nobody_is_tried_twice(self):
        for phase in self.status().get("phases", []):
            for member in phase["members"]:
                assert member["attempt"] <= 1, f"{phase['name']}: {member}"
                assert "infrastructureRetries" not in member, f"{phase['name']}: {member}"
        names = getattr(self, "world", SimulatedCluster()).created
        assert len(names) == len(set(names)), "a Job was made twice"

    @precondition(lambda self: hasattr(self, "world"))
    @rule()
    def the_news_may_come_after_all(self):
        """Then the run ends well; played on a copy."""
        body, world, now = copy.deepcopy((self.body, self.world, self.now))
        cluster = LateCluster(LateServer(world, lambda: now))
        cluster.server.new_watch()
        for _ in range(40):
            for kind in ("Job", "Pod"):
                cluster.deliver(kind, 999)
            body = asyncio.run(reconcile(cluster, StoredRun.read(body), now)).stored.body
            if body["status"]["state"] == "Complete":
                return
            now += SETTLING_TIME
            admit_all(world)
            go_on(world, now)
        raise AssertionError(f"not finished: {body['status']}")

    def status(self):
        return getattr(self, "body", {}).get("status", {})


def admit_all(world: SimulatedCluster) -> None:
    """The queue lets every Job go that it holds."""
    for name in world.jobs:
        world.admit(name)


def go_on(world: SimulatedCluster, now) -> None:
    """The Job controller and every Pod take a step."""
    for uid, pod in list(world.pods.items()):
        step = {"Pending": world.start, "Running": world.succeed}.get(pod["status"]["phase"])
        if step is not None:
            step(uid)
    world.control(now)


LateNews.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLateNews = pytest.mark.timeout(1200)(LateNews.TestCase)


def test_a_restart_on_a_list_from_before_a_recorded_pod_loses_nothing():
    history = LateNews()
    history.begin(("reach",))
    history.the_servers_own_cache_lags()
    history.the_world_goes_on(1)
    history.deliver("Pod", 99)
    history.reconcile()
    assert history.status()["phases"][0]["members"][0]["podUid"]
    history.restart()
    history.nobody_is_tried_twice()


def test_a_pod_evicted_before_it_started_is_no_loss_though_its_job_is_heard_of_late():
    history = LateNews()
    history.begin(("reach",))
    history.world.control(history.now)
    history.deliver("Job", 99)
    history.deliver("Pod", 99)
    history.reconcile()
    assert history.status()["phases"][0]["members"][0]["podUid"]
    (name,) = history.world.jobs
    history.world.evict(name, history.now)
    history.deliver("Pod", 99)
    history.reconcile()
    history.nobody_is_tried_twice()
    assert history.status()["state"] == "Queued"
