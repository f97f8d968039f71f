"""Properties of the plan over generated histories: crashes, lost Pods, suspends, retries, in any order."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.run_bodies import tasks
from unit_operator.builders import NOON, a_body, disrupted, ended, order_of
from unit_operator.simulated_cluster import SimulatedCluster

from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.run import CollectiveRun, parse_run
from collectiverun_operator.api.status_json import LIMIT_BYTES, status_document
from collectiverun_operator.plan.plan import CreateJob, Plan, plan

ENDINGS = {
    "application": ended(1),
    "out of memory": ended(137, reason="OOMKilled"),
    "stopped by the node": ended(143),
    "storage away": ended(5),
    "invalid configuration": ended(3),
    "no result": ended(0, "nonsense"),
    "evicted": ended(137, **disrupted("EvictionByEvictionAPI")),
    "driver lost": ended(137, **disrupted("DriverLost")),
}
FINISHED = {"Complete", "Failed"}


class Histories(RuleBasedStateMachine):
    """One run, one cluster, one operator that may crash between any two actions."""

    @initialize(
        names=st.sampled_from([("reach",), ("reach", "push", "door-open")]),
        tasks_per_job=st.integers(1, 2),
        parallelism=st.integers(1, 2),
        optional=st.booleans(),
        deadline=st.sampled_from([None, 400]),
        cleanup=st.sampled_from(["AfterPhase", "Retain"]),
    )
    def begin(self, names, tasks_per_job, parallelism, optional, deadline, cleanup):
        policy: dict[str, Any] = {
            "retries": {"application": 1, "infrastructure": 3, "backoffSeconds": 10},
            "cleanup": {"succeededJobs": cleanup},
        }
        if deadline is not None:
            policy |= {"activeDeadlineSeconds": deadline, "pendingDeadlineSeconds": 120}
        phases = {
            "experts": {"tasksPerJob": tasks_per_job, "parallelism": parallelism},
            "refinement": {"enabled": optional},
            "students": {"enabled": optional, "parallelism": parallelism},
        }
        self.body = a_body(tasks=tasks(*names), runPolicy=policy, phases=phases)
        self.now = NOON
        self.cluster = SimulatedCluster()
        self.parallelism = {"experts": parallelism, "students": parallelism}
        self.reconcile(acts=99)

    # What the operator does.

    @rule(acts=st.integers(0, 99))
    def reconcile(self, acts):
        """Plan, write the status, take the first `acts` actions; the rest is lost in a crash."""
        before = self.body.get("status", {})
        planned = self.plan()
        self.body["status"] = status_document(planned.status)
        self.check_promises(before, planned)
        for action in planned.actions[:acts]:
            self.cluster.act(action, self.now)

    # What the world does.

    @rule(turns=st.integers(1, 8))
    def let_it_go_well(self, turns):
        """A stretch without trouble, so that histories get far."""
        for _ in range(turns):
            self.reconcile(acts=99)
            play_well(self.cluster, self.now)
        event(f"reached {self.body['status']['currentPhase'] or 'the end'}")

    @rule(seconds=st.sampled_from([1, 15, 100, 700]))
    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule()
    def control(self):
        self.cluster.control(self.now)

    @rule(data=st.data())
    def start_a_pod(self, data):
        self.on_a_pod(data, "Pending", lambda uid: self.cluster.start(uid))

    @rule(data=st.data())
    def succeed_a_pod(self, data):
        self.on_a_pod(data, "Running", lambda uid: self.cluster.succeed(uid))

    @rule(data=st.data(), ending=st.sampled_from(sorted(ENDINGS)))
    def fail_a_pod(self, data, ending):
        self.on_a_pod(data, "Running", lambda uid: self.cluster.end(uid, copy.deepcopy(ENDINGS[ending])))

    @rule(data=st.data())
    def lose_a_pod(self, data):
        self.on_a_pod(data, None, lambda uid: self.cluster.lose(uid))

    @rule(data=st.data())
    def delete_a_pod(self, data):
        self.on_a_pod(data, None, lambda uid: self.cluster.delete_pod(uid, self.now))

    @rule(data=st.data())
    def delete_a_job(self, data):
        if self.cluster.jobs:
            name = data.draw(st.sampled_from(sorted(self.cluster.jobs)))
            self.cluster.delete_job(name, self.cluster.jobs[name]["metadata"]["uid"], self.now)

    @rule(holds=st.booleans())
    def hold_new_jobs(self, holds):
        self.cluster.holds_new_jobs = holds
        for name in self.cluster.jobs if not holds else ():
            self.cluster.admit(name)

    # What the user does.

    @rule(suspend=st.booleans())
    def suspend(self, suspend):
        self.body["spec"]["suspend"] = suspend

    @rule(token=st.sampled_from(["", "a", "b"]))
    def ask_for_a_retry(self, token):
        self.body["spec"]["retryToken"] = token

    @rule(seed=st.sampled_from([1, 1, 2]))
    def change_the_seed(self, seed):
        self.body["spec"]["seed"] = seed

    # What must hold.

    def check_promises(self, before: dict[str, Any], planned: Plan):
        """What one step may do to the status, and which Jobs it may create."""
        old, new = members(before), members(status_document(planned.status))
        for key, member in old.items():
            assert new[key]["attempt"] >= member["attempt"], "an attempt number went back"
            if member["state"] == "Succeeded":
                assert new[key] == member, "a finished member changed"
        if condition(before, "Complete"):
            assert planned.status.is_true("Complete"), "a complete run was re-opened"
        created = [action.manifest for action in planned.actions if isinstance(action, CreateJob)]
        if planned.status.is_finished or self.body["spec"].get("suspend"):
            assert created == [], "a Job was created on a finished or suspended run"
        for manifest in created:
            order = order_of(manifest)
            member = new[order["phase"], order["member"]]
            assert (member["state"], member["attempt"]) == ("Pending", order["attempt"]), "not recorded first"

    @invariant()
    def at_most_one_live_job_a_member(self):
        if hasattr(self, "cluster"):
            owners = [(order["phase"], order["member"]) for order in map(order_of, self.cluster.live_jobs())]
            assert len(owners) == len(set(owners))
            for phase in {phase for phase, _ in owners}:
                limit = self.parallelism.get(phase, 1)
                assert sum(owner[0] == phase for owner in owners) <= limit

    @invariant()
    def planning_twice_changes_nothing(self):
        if hasattr(self, "cluster"):
            first = self.plan()
            again = plan(self.run(status_document(first.status)), self.cluster.observe(), self.now)
            assert again.status == first.status
            assert again.actions == first.actions

    @invariant()
    def the_status_is_small_and_says_all(self):
        if hasattr(self, "cluster"):
            status = self.body["status"]
            assert len(json.dumps(status)) < LIMIT_BYTES
            assert len(status["conditions"]) == 6
            assert len(status["phases"]) == len([p for p in PHASES if not p.settings.ONLY_OF_SEVERAL_SEEDS])

    @precondition(lambda self: hasattr(self, "cluster"))
    @rule()
    def the_run_can_always_be_finished(self):
        """From wherever it is, a well-behaved world leads to an end; played on a copy."""
        body, cluster, now = copy.deepcopy((self.body, self.cluster, self.now))
        body["spec"] |= {"suspend": False, "seed": 1}
        cluster.holds_new_jobs = False
        for _ in range(60):
            for name in cluster.jobs:
                cluster.admit(name)
            planned = plan(parse_run(body), cluster.observe(), now)
            body["status"] = status_document(planned.status)
            if planned.status.is_finished:
                return
            for action in planned.actions:
                cluster.act(action, now)
            play_well(cluster, now)
            now += timedelta(seconds=max(1, planned.requeue_after_seconds or 1))
        raise AssertionError(f"not finished: {json.dumps(body['status'], indent=1)}")

    def plan(self) -> Plan:
        return plan(self.run(), self.cluster.observe(), self.now)

    def run(self, status: dict[str, Any] | None = None) -> CollectiveRun:
        body = self.body if status is None else self.body | {"status": status}
        return parse_run(copy.deepcopy(body))

    def on_a_pod(self, data, phase, change):
        uids = [u for u, pod in self.cluster.pods.items() if phase in (None, pod["status"]["phase"])]
        if uids:
            change(data.draw(st.sampled_from(sorted(uids))))


def play_well(cluster: SimulatedCluster, now) -> None:
    """Every Pod starts, publishes and ends."""
    cluster.control(now)
    for uid, pod in list(cluster.pods.items()):
        if pod["status"]["phase"] == "Pending":
            cluster.start(uid)
        if uid in cluster.pods and cluster.pods[uid]["status"]["phase"] == "Running":
            cluster.succeed(uid)
    cluster.control(now)


def members(status: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    phases = status.get("phases", [])
    return {(phase["name"], member["name"]): member for phase in phases for member in phase["members"]}


def conditions(status: dict[str, Any]) -> set[str]:
    return {found["type"] for found in status.get("conditions", []) if found["status"] == "True"}


def condition(status: dict[str, Any], name: str) -> bool:
    return name in conditions(status)


def test_a_plan_is_a_function_of_its_arguments():
    run, cluster = parse_run(a_body(tasks=tasks("reach", "push"))), SimulatedCluster()
    plans = [plan(run, cluster.observe(), NOON) for _ in range(3)]
    assert plans[0] == plans[1] == plans[2]
    assert [type(action) for action in plans[0].actions] == [CreateJob, CreateJob]


Histories.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestHistories = pytest.mark.timeout(1200)(Histories.TestCase)  # twelve seconds of a core of one's own
