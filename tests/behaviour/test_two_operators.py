"""Two operators at once, as when a node comes back: they disagree about nothing."""

from collections import Counter

import pytest
from support.run_bodies import tasks
from testbed.kubernetes.audit_log import created_jobs

pytestmark = pytest.mark.timeout(900)

QUICK = {"backoffSeconds": 0, "maxBackoffSeconds": 0}


def test_two_operators_at_once_do_no_harm(namespace):
    body = namespace.simulated_run(
        "contested", tasks=tasks("reach", "door-close", "push"), runPolicy={"retries": QUICK}
    )
    with namespace.start_operator() as second:
        run = namespace.apply_run(body)
        run.fault(run.wait_for_pod(1), "evict")
        run.wait_for_pod(2)
        run.change(suspend=True)
        run.wait_for_state("Suspended")
        run.change(suspend=False)
        run.finish()
        assert second.is_running
    names = created_jobs(namespace.requests())
    created = Counter(name for name in names if name.startswith(f"{run.name}-"))
    assert created
    assert set(created.values()) == {1}
    members = [member for phase in run.status["phases"] for member in phase["members"]]
    assert len(created) == sum(member["attempt"] for member in members)
    assert run.status["retries"] == 1
    # What is left over goes after the status said so; that of the Pod that was evicted stays, as evidence.
    run.wait_until(lambda: [name[-2:] for name in run.job_names()] == ["-1"], "one Job left, the failed one")
