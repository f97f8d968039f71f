"""Two operators at once, as when a node comes back: they disagree about nothing."""

from collections import Counter

import pytest
from behaviour.runs import TASKS

pytestmark = pytest.mark.timeout(900)

QUICK = {"backoffSeconds": 0, "maxBackoffSeconds": 0}


def test_two_operators_at_once_do_no_harm(place):
    body = place.mimicked("contested", tasks=[*TASKS, {"env": "push-v3"}], runPolicy={"retries": QUICK})
    with place.second_operator() as second:
        run = place.apply(body)
        run.fault(run.wait_for_pod(1), "evict")
        run.wait_for_pod(2)
        run.change(suspend=True)
        run.wait_for_state("Suspended")
        run.change(suspend=False)
        place.finish(run)
        assert second.is_running
    created = Counter(place.created_jobs(run))
    assert created
    assert set(created.values()) == {1}
    members = [member for phase in run.status["phases"] for member in phase["members"]]
    assert len(created) == sum(member["attempt"] for member in members)
    assert run.status["retries"] == 1
    # What is left over goes after the status said so; that of the Pod that was evicted stays, as evidence.
    run.wait_until(lambda: [name[-2:] for name in run.job_names()] == ["-1"], "one Job left, the failed one")
