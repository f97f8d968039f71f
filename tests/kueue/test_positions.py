"""Where a held run stands in its queue, as Kueue's own API server tells it."""

import pytest
from testbed.kueue import queues
from testbed.kueue.objects import PRIORITY_LABEL, QUEUE_LABEL

# Every wait of a test may take long on a busy machine, and the first one starts the cluster.
pytestmark = pytest.mark.timeout(1800)
QUEUE, SOON, LATE = "narrow", "soon", "late"


@pytest.fixture
def apply(namespace):
    """Applies a run for a queue with room for one Job; it is deleted afterwards."""
    objects = [*queues.shared(QUEUE, jobs=1), queues.local(QUEUE, QUEUE)]
    priorities = [queues.priority(SOON, 1000), queues.priority(LATE, 10)]
    namespace.cluster.apply(*objects, *priorities, namespace=namespace.name)
    runs = []

    def apply_queued(name, priority):
        body = namespace.simulated_run(name)
        body["metadata"]["labels"] = {QUEUE_LABEL: QUEUE, PRIORITY_LABEL: priority}
        runs.append(namespace.apply_run(body))
        return runs[-1]

    yield apply_queued
    for run in runs:
        run.delete()


def wait_for_position(run, number):
    run.wait(lambda status: status.get("queuePosition") == number, f"position {number}")
    assert run.printed()["STATE"] == "Queued"
    assert run.message("Queued").endswith(f"; position {number} in LocalQueue {QUEUE}")


def test_the_third_of_three_runs_for_one_place_is_second_in_the_queue_and_then_first(apply):
    first = apply("holds-it", SOON)
    first.wait_for_pod(1)
    second, third = apply("soon", SOON), apply("later", LATE)
    wait_for_position(second, 1)
    wait_for_position(third, 2)
    assert "queuePosition" not in first.status
    second.change(suspend=True)  # it gives its place in the queue back
    wait_for_position(third, 1)
