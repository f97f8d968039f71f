"""Kueue takes Jobs' places back, again and again: the run waits, goes on, and is none the worse for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from support.faulty_proxy import FaultyProxy
from support.live_run import HELD, LiveRun
from support.operator_namespace import OperatorNamespace
from support.run_bodies import NODE_LOSS_TOLERATIONS, learning_run_body, tasks
from support.stored_artifacts import StoredArtifacts
from testbed import JSONObject
from testbed.cluster.example_run import s3_storage
from testbed.kubernetes.audit_log import created_jobs
from testbed.kueue import queues
from testbed.kueue.objects import PRIORITY_LABEL, QUEUE_LABEL

# Every wait of a test may take long on a busy machine, and the first one starts the cluster.
pytestmark = pytest.mark.timeout(3600)
QUEUE, URGENT, BACKGROUND = "contested", "visitors", "nightly"
TASKS = tasks("reach", "door-close", "drawer-close")
ROUNDS = 10
STEPS = 1200
# However long the evictions take: until they are over no expert gets past its last checkpoints.
LAST_CHECKPOINTS = r"^PUT [^\r\n]*-step-1[0-9]{3}-\w+/"
RUN_SECONDS = 1800.0


def learning_run(name: str, storage: JSONObject, **template: object) -> JSONObject:
    """A run of three experts, a Job each. Little grace: most evictions meet a process that hears nothing."""
    policy = {"terminationGracePeriodSeconds": 1}
    template = {"spec": {"tolerations": NODE_LOSS_TOLERATIONS}} | template
    body = learning_run_body(name, storage, tasks=TASKS, runPolicy=policy, podTemplate=template)
    experts = body["spec"]["phases"]["experts"]
    experts["tasksPerJob"] = 1
    experts["params"] |= {"totalEnvSteps": STEPS, "checkpointEveryEnvSteps": 200}
    return body


class Contest:
    """A queue with room for three Jobs, a run of the real trainer in it, and one that may go before it.

    `undisturbed` is the same run in no queue.
    """

    def __init__(self, namespace: OperatorNamespace, storage_url: str) -> None:
        self.namespace = namespace
        objects = [*queues.shared(QUEUE, jobs=len(TASKS), preempts=True), queues.local(QUEUE, QUEUE)]
        priorities = [queues.priority(URGENT, 1000), queues.priority(BACKGROUND, 10)]
        namespace.cluster.apply(*objects, *priorities, namespace=namespace.name)
        self.rival = self.queued(namespace.simulated_run("rival", suspend=True, tasks=TASKS), URGENT)
        storage = s3_storage(namespace.store, endpoint=storage_url)
        self.run = self.queued(learning_run("patient", storage, **HELD), BACKGROUND)
        self.undisturbed = namespace.apply_run(learning_run("undisturbed", namespace.storage))

    def queued(self, body: JSONObject, priority: str) -> LiveRun:
        body["metadata"]["labels"] = {QUEUE_LABEL: QUEUE, PRIORITY_LABEL: priority}
        return self.namespace.apply_run(body)

    @property
    def workloads(self) -> dict[str, str]:
        """Name and UID of the Workload of each of the run's Jobs."""
        jobs = {job["metadata"]["uid"] for job in self.run.jobs()}
        found = json.loads(self.namespace.kubectl("get", "workloads", "--output", "json"))["items"]
        metadata = [workload["metadata"] for workload in found]
        return {data["name"]: data["uid"] for data in metadata if data["ownerReferences"][0]["uid"] in jobs}

    def patch(self, kind: str, *names: str, **spec: object) -> None:
        words = ("patch", kind, *names, "--type", "merge", "--patch", json.dumps({"spec": spec}))
        self.namespace.kubectl(*words)

    def preempt(self) -> Callable[[], None]:
        """The rival wants the places."""
        self.rival.change(suspend=False)
        return lambda: self.rival.change(suspend=True)

    def deactivate(self) -> Callable[[], None]:
        """An administrator sets the Workloads aside."""
        names = self.workloads
        self.patch("workload", *names, active=False)
        return lambda: self.patch("workload", *names, active=True)

    def drain(self) -> Callable[[], None]:
        """An administrator empties the queue."""
        self.patch("clusterqueue", QUEUE, stopPolicy="HoldAndDrain")
        return lambda: self.patch("clusterqueue", QUEUE, stopPolicy="None")

    def wait_for_pods(self) -> list[JSONObject]:
        """The Pods of the experts once all of them run, by the run's own account too."""

        def look() -> list[JSONObject]:
            states = [member["state"] for member in self.run.phase("experts")["members"]]
            pods = [pod for pod in self.run.pods() if pod["status"]["phase"] == "Running"]
            return pods if states == ["Running"] * len(TASKS) and len(pods) == len(TASKS) else []

        return self.run.wait_until(look, "all experts run")

    def learns(self, pod: JSONObject) -> bool:
        """Whether the trainer in it has told of its progress."""
        return '"progress"' in self.namespace.kubectl("logs", pod["metadata"]["name"])


WAYS = (
    (Contest.preempt, "Preempted", "WaitingForQuota"),
    (Contest.deactivate, "Deactivated", "Deactivated"),
    (Contest.drain, "ClusterQueueStopped", "Inadmissible"),
)


@pytest.fixture
def proxy(namespace: OperatorNamespace) -> Iterator[FaultyProxy]:
    """The contested run's way to its storage."""
    with FaultyProxy(namespace.store.endpoint, held=LAST_CHECKPOINTS) as proxy:
        yield proxy


@pytest.fixture
def contest(namespace: OperatorNamespace, proxy: FaultyProxy) -> Iterator[Contest]:
    contest = Contest(namespace, proxy.url)
    yield contest
    contest.run.delete()
    contest.rival.delete()
    contest.undisturbed.delete()


def evict(contest: Contest, way: Callable[[Contest], Callable[[], None]], reason: str, held: str) -> None:
    """One eviction of all experts and what is told of it; afterwards the same Jobs run again."""
    before = contest.workloads
    give_back = way(contest)
    contest.run.wait_for_state("Queued")
    contest.run.wait_for_condition("Queued", held)
    failure = contest.run.status["lastFailure"]
    assert (failure["kind"], failure["reason"]) == ("stopped", reason)
    give_back()
    contest.wait_for_pods()
    assert contest.workloads == before


def test_thirty_evictions_in_three_ways_cost_nothing_and_change_no_bit(contest: Contest, proxy: FaultyProxy):
    run, other = contest.run, contest.undisturbed
    evicted = set()
    for number in range(ROUNDS):
        pods = contest.wait_for_pods()
        # One expert begins, or goes on, at once; the others are held as soon as their containers run.
        one = pods[number % len(TASKS)]
        run.release(one)
        if number % 4 == 0:  # so that some are met in the midst of learning
            run.wait_until(lambda one=one: contest.learns(one), "progress")
        evict(contest, *WAYS[number % len(WAYS)])
        evicted |= {pod["metadata"]["uid"] for pod in pods}
    assert len(evicted) == 30
    assert run.status["retries"] == 0
    proxy.release()
    run.finish(RUN_SECONDS)
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


def digests(run: LiveRun) -> list[dict[str, str]]:
    """Digests of all that each member of the run learned; its report and metrics tell of times."""
    stored = StoredArtifacts(run.namespace.store, run)
    members = [("experts", index) for index in range(len(TASKS))]
    members += [("trajectoryTransformer", 0), ("onlineDistillation", 0)]
    return [without_times(stored.digests(*member)) for member in members]


def without_times(found: dict[str, str]) -> dict[str, str]:
    kept = {name: digest for name, digest in found.items() if name.endswith(".safetensors")}
    assert kept
    return kept
