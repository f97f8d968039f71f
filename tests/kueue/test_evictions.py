"""Kueue takes a Job's place back, again and again: the run waits, goes on, and is none the worse for it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.live_run import LiveRun
from support.operator_namespace import OperatorNamespace
from support.run_bodies import learning_run_body, tasks
from support.stored_artifacts import StoredArtifacts
from testbed.kubernetes.audit_log import created_jobs
from testbed.kueue import queues
from testbed.kueue.objects import PRIORITY_LABEL, QUEUE_LABEL

# Every wait of a test may take long on a busy machine, and the first one starts the cluster.
pytestmark = pytest.mark.timeout(3600)
QUEUE, URGENT, BACKGROUND = "contested", "visitors", "nightly"
EVICTIONS = 30
RUN_SECONDS = 1800.0


def run_of_a_minute(name: str, namespace: OperatorNamespace) -> dict:
    """A run whose only expert learns for longer than all evictions let it.

    Little grace: most evictions meet a process that still imports, and would wait until it is done with that.
    """
    policy = {"terminationGracePeriodSeconds": 2}
    body = learning_run_body(name, namespace.storage, tasks=tasks("reach"), runPolicy=policy)
    body["spec"]["phases"]["experts"]["params"] |= {"totalEnvSteps": 20_000}
    return body


class Contest:
    """A queue with room for one Job, a run of the real trainer in it, and one that may go before it.

    `undisturbed` is the same run in no queue.
    """

    def __init__(self, namespace: OperatorNamespace) -> None:
        self.namespace = namespace
        objects = [*queues.shared(QUEUE, jobs=1, preempts=True), queues.local(QUEUE, QUEUE)]
        priorities = [queues.priority(URGENT, 1000), queues.priority(BACKGROUND, 10)]
        namespace.cluster.apply(*objects, *priorities, namespace=namespace.name)
        self.rival = self.queued(namespace.simulated_run("rival", suspend=True), URGENT)
        self.run = self.queued(run_of_a_minute("patient", namespace), BACKGROUND)
        self.undisturbed = namespace.apply_run(run_of_a_minute("undisturbed", namespace))

    def queued(self, body: dict, priority: str) -> LiveRun:
        body["metadata"]["labels"] = {QUEUE_LABEL: QUEUE, PRIORITY_LABEL: priority}
        return self.namespace.apply_run(body)

    @property
    def workload(self) -> dict:
        """The Workload of the run's Job that has not ended."""
        (job,) = [job for job in self.run.jobs() if not job["status"].get("succeeded")]
        found = json.loads(self.namespace.kubectl("get", "workloads", "--output", "json"))["items"]
        (workload,) = [
            w for w in found if w["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
        ]
        return workload

    def patch(self, kind: str, name: str, **spec: object) -> None:
        words = ("patch", kind, name, "--type", "merge", "--patch", json.dumps({"spec": spec}))
        self.namespace.kubectl(*words)

    def preempt(self) -> Callable[[], None]:
        """The rival wants the place."""
        self.rival.change(suspend=False)
        return lambda: self.rival.change(suspend=True)

    def deactivate(self) -> Callable[[], None]:
        """An administrator sets the Workload aside."""
        name = self.workload["metadata"]["name"]
        self.patch("workload", name, active=False)
        return lambda: self.patch("workload", name, active=True)

    def drain(self) -> Callable[[], None]:
        """An administrator empties the queue."""
        self.patch("clusterqueue", QUEUE, stopPolicy="HoldAndDrain")
        return lambda: self.patch("clusterqueue", QUEUE, stopPolicy="None")

    def has_learned(self, since: int) -> Callable[[dict], bool]:
        """Whether the run has taken env steps beyond `since`."""
        return lambda _: self.steps > since

    @property
    def steps(self) -> int:
        return int(self.run.member().get("envSteps", 0))


WAYS = (
    (Contest.preempt, "Preempted", "WaitingForQuota"),
    (Contest.deactivate, "Deactivated", "Deactivated"),
    (Contest.drain, "ClusterQueueStopped", "Inadmissible"),
)


@pytest.fixture
def contest(namespace: OperatorNamespace):
    contest = Contest(namespace)
    yield contest
    contest.run.delete()
    contest.rival.delete()
    contest.undisturbed.delete()


def evict(contest: Contest, way: Callable[[Contest], Callable[[], None]], reason: str, held: str) -> None:
    """One eviction and what is told of it; afterwards the same Job runs again."""
    before = contest.workload["metadata"]["uid"]
    give_back = way(contest)
    contest.run.wait_for_state("Queued")
    contest.run.wait_for_condition("Queued", held)
    failure = contest.run.status["lastFailure"]
    assert (failure["kind"], failure["reason"]) == ("stopped", reason)
    give_back()
    contest.run.wait_for_state("Running")
    assert contest.run.status["currentPhase"] == "experts", "it learned faster than it was evicted"
    assert contest.workload["metadata"]["uid"] == before


def test_thirty_evictions_in_three_ways_cost_nothing_and_change_no_bit(contest: Contest):
    run, other = contest.run, contest.undisturbed
    for number in range(EVICTIONS):
        run.wait_for_state("Running")
        if number % 9 == 0:  # some in the midst of learning, most as soon as the container runs
            run.wait(contest.has_learned(contest.steps), "more env steps")
        evict(contest, *WAYS[number % len(WAYS)])
    assert run.status["retries"] == 0
    run.wait(lambda status: status.get("state") in ("Complete", "Failed"), "the end", RUN_SECONDS)
    assert run.printed()["STATE"] == "Complete"
    assert run.status["retries"] == 0
    members = [member for phase in run.status["phases"] for member in phase["members"]]
    created = [name for name in created_jobs(run.namespace.requests()) if name.startswith(run.name)]
    assert len(created) == len(members)
    assert [member["attempt"] for member in members] == [1] * len(members)
    events = run.described().partition("\nEvents:\n")[2]
    for _, reason, _ in WAYS:
        assert f"the queue took its place back: {reason}" in events
    other.wait(lambda status: status.get("state") in ("Complete", "Failed"), "the end", RUN_SECONDS)
    assert digests(run) == digests(other)


def digests(run: LiveRun) -> dict[str, dict[str, str]]:
    """Digests of all that the run learned; its report and metrics tell of times."""
    stored = StoredArtifacts(run.namespace.store, run)
    phases = ("experts", "trajectoryTransformer", "onlineDistillation")
    return {phase: without_times(stored.digests(phase)) for phase in phases}


def without_times(found: dict[str, str]) -> dict[str, str]:
    kept = {name: digest for name, digest in found.items() if name.endswith(".safetensors")}
    assert kept
    return kept
