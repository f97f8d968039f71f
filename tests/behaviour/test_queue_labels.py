"""Queueing is left to Kueue: its labels go from the run to every Job, and nothing else of the run's does."""

import pytest

pytestmark = pytest.mark.timeout(900)


QUEUE = {"kueue.x-k8s.io/queue-name": "robots", "kueue.x-k8s.io/priority-class": "high"}


def test_the_labels_of_kueue_reach_the_jobs(namespace):
    body = namespace.simulated_run("queued")
    body["metadata"]["labels"] = QUEUE | {"team": "collective"}
    run = namespace.apply_run(body)
    run.wait_until(run.jobs, "a Job")
    labels = run.jobs()[0]["metadata"]["labels"]
    assert QUEUE.items() <= labels.items()
    assert "team" not in labels
    pod = run.jobs()[0]["spec"]["template"]["metadata"]["labels"]
    assert not QUEUE.keys() & pod.keys()
    run.delete()
