"""Two runs in a queue with room for one Job: what one holds the other waits for, and both end Complete."""

import json

import pytest
from support.live_run import WAIT_SECONDS
from testbed.kueue import queues
from testbed.kueue.objects import PRIORITY_LABEL, QUEUE_LABEL
from testbed.waiting import eventually

# Every wait of a test may take long on a busy machine, and the first one starts the cluster.
pytestmark = pytest.mark.timeout(1800)
QUEUE, URGENT, BACKGROUND = "one-at-a-time", "urgent", "background"
NO_ROOM = "insufficient unused quota for pods in flavor one-at-a-time, 1 more needed"


@pytest.fixture
def queue(namespace):
    objects = [*queues.shared(QUEUE, jobs=1), queues.local(QUEUE, QUEUE)]
    priorities = [queues.priority(URGENT, 1000), queues.priority(BACKGROUND, 10)]
    namespace.cluster.apply(*objects, *priorities, namespace=namespace.name)


def queued_run(namespace, name, priority):
    body = namespace.simulated_run(name)
    body["metadata"]["labels"] = {QUEUE_LABEL: QUEUE, PRIORITY_LABEL: priority}
    return namespace.apply_run(body)


def unfinished_job(run):
    (job,) = [job for job in run.jobs() if not job["status"].get("succeeded")]
    return job


def quota_of(run):
    """What Kueue says about quota for the run's Job that has not ended; nothing before it has looked."""
    job = unfinished_job(run)["metadata"]["uid"]
    workloads = json.loads(run.namespace.kubectl("get", "workloads", "--output", "json"))["items"]
    (status,) = [w.get("status", {}) for w in workloads if w["metadata"]["ownerReferences"][0]["uid"] == job]
    conditions = [entry for entry in status.get("conditions", []) if entry["type"] == "QuotaReserved"]
    return conditions[0] if conditions else {"status": "", "message": ""}


def assert_held(run):
    assert run.printed()["STATE"] == "Queued"
    assert run.condition("Queued") == ("True", "WaitingForQuota")
    assert run.condition("Running") == ("False", "NotStarted")
    run.wait(lambda _: NO_ROOM in run.message("Queued"), "why it is held, in Kueue's words")
    assert unfinished_job(run)["spec"]["suspend"]
    assert run.running_pods() == []
    run.wait_until(lambda: NO_ROOM in quota_of(run)["message"], NO_ROOM)
    assert quota_of(run)["status"] == "False"


def assert_at_work(run):
    assert run.printed()["STATE"] == "Running"
    assert run.condition("Queued") == ("False", "NotQueued")
    assert run.condition("Running") == ("True", "PhaseActive")
    assert not unfinished_job(run)["spec"]["suspend"]
    assert len(run.running_pods()) == 1


def states(*runs):
    return [run.status["state"] for run in runs]


def test_a_run_waits_while_another_has_the_quota_and_both_are_complete_in_the_end(namespace, queue):
    first = queued_run(namespace, "overnight", BACKGROUND)
    first.wait_for_pod(1)
    first.wait_for_state("Running")
    second = queued_run(namespace, "before-the-visit", URGENT)
    second.wait_for_state("Queued")
    assert_held(second)
    assert_at_work(first)

    def is_the_seconds_turn():
        first.release_all()
        return states(second) == ["Running"]

    # Quota is asked for phase by phase. The next Job of the first may be quicker than the one that waits,
    # urgent as it is: Kueue looks at that again a moment after there is room. So it goes on until held.
    eventually(is_the_seconds_turn, "the second's turn", WAIT_SECONDS)
    first.wait(lambda status: status["state"] in ("Queued", "Complete"), "the first is held, or done")
    if states(first) == ["Queued"]:
        assert_held(first)
    assert_at_work(second)

    def are_complete():
        first.release_all()
        second.release_all()
        return states(first, second) == ["Complete", "Complete"]

    eventually(are_complete, lambda: f"both Complete: {[first.status, second.status]}", WAIT_SECONDS)
    for run in (first, second):
        assert (run.printed()["STATE"], run.printed()["PROGRESS"]) == ("Complete", "4/4")
        assert run.condition("Complete") == ("True", "AllPhasesSucceeded")
        assert run.condition("Queued") == ("False", "NotQueued")
        assert run.status["retries"] == 0
