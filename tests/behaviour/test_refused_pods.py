"""A namespace whose quota has no room for a run's Pods: the run says so, and goes on once there is."""

import pytest

pytestmark = pytest.mark.timeout(900)
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "full"},
    "spec": {"hard": {"pods": "0"}},
}


@pytest.fixture
def full(namespace):
    namespace.apply(QUOTA)
    yield lambda: namespace.kubectl("delete", "resourcequota", "full", "--ignore-not-found")
    namespace.kubectl("delete", "resourcequota", "full", "--ignore-not-found")


def wait_for_reason(run):
    run.wait_for_condition("Running", "PodRefused")
    assert "its Pod is forbidden: exceeded quota: full" in run.message("Running")


def test_a_refused_pod_is_told_and_made_once_there_is_room(namespace, full):
    run = namespace.apply_run(namespace.simulated_run("crowded"))
    wait_for_reason(run)
    assert "exceeded quota: full" in run.wait_for_event("PodRefused")
    full()
    run.wait_for_pod(1)
    run.wait_for_state("Running")
    assert run.status["retries"] == 0
    run.delete()


def test_a_deadline_to_start_counts_though_no_pod_was_ever_made(namespace, full):
    policy = {"pendingDeadlineSeconds": 15}
    run = namespace.apply_run(namespace.simulated_run("hopeless", runPolicy=policy))
    run.wait_for_state("Failed")
    failure = run.status["lastFailure"]
    assert failure["reason"] == "PendingDeadlineExceeded"
    assert "exceeded quota: full" in failure["message"]
    assert run.status["retries"] == 0
    run.delete()
