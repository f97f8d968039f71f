"""Whose failure it was decides which budget pays: the program's or the infrastructure's."""

import pytest
from support.live_run import LiveRun

pytestmark = pytest.mark.timeout(900)


QUICK = {"backoffSeconds": 0, "maxBackoffSeconds": 0}


def retries(run: LiveRun) -> tuple[int, int]:
    """(application, infrastructure) retries its first member has spent."""
    member = run.member()
    return member.get("applicationRetries", 0), member.get("infrastructureRetries", 0)


def test_an_exit_1_and_a_kill_for_memory_spend_an_application_retry_each(namespace):
    run = namespace.apply_run(
        namespace.simulated_run("clumsy", runPolicy={"retries": QUICK | {"application": 2}})
    )
    run.fault(run.wait_for_pod(1), "exit-1")
    run.wait_for_member(attempt=2, state="Running")
    assert (retries(run), failure(run)) == ((1, 0), (1, "application", "Error", 1))

    run.fault(run.wait_for_pod(2), "oom")
    run.wait_for_member(attempt=3, state="Running")
    assert (retries(run), failure(run)) == ((2, 0), (2, "application", "OOMKilled", 137))
    assert run.printed("--output", "wide")["RETRIES"] == "2"
    assert run.printed()["STATE"] == "Running"

    run.fault(run.wait_for_pod(3), "exit-1")
    run.wait_for_state("Failed")
    assert run.member()["attempt"] == 3
    assert run.condition("Failed") == ("True", "MemberFailed")
    assert "Failed" in run.described()


def test_a_pod_evicted_or_its_node_lost_ten_times_spends_no_application_retry(namespace):
    # What hangs on a lost node is waited for until its grace is over, and then some.
    policy = {"retries": QUICK | {"application": 0, "infrastructure": 10}, "terminationGracePeriodSeconds": 1}
    run = namespace.apply_run(namespace.simulated_run("unlucky", tolerations=[], runPolicy=policy))
    for attempt in range(1, 10):
        run.fault(run.wait_for_pod(attempt), "evict")
        run.wait_for_member(attempt=attempt + 1)
        assert retries(run) == (0, attempt)
    assert failure(run)[:3] == (9, "infrastructure", "Evicted")
    namespace.add_simulated_node("simulated-2")
    lost = namespace.cluster.nodes[run.wait_for_pod(10)["spec"]["nodeName"]]
    lost.kill()
    try:
        run.wait_for_pod(11)
    finally:
        lost.start()
    assert retries(run) == (0, 10)
    assert failure(run)[:2] == (10, "infrastructure")
    run.finish()
    assert (run.member()["attempt"], run.member()["state"]) == (11, "Succeeded")
    assert run.printed("--output", "wide")["RETRIES"] == "10"


def failure(run: LiveRun) -> tuple[int, str, str, int | None]:
    found = run.status["lastFailure"]
    return found["attempt"], found["kind"], found["reason"], found.get("exitCode")
