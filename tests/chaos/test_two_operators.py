"""Two operators by accident: the one that loses a write does nothing, so every run is driven once."""

import pytest
from chaos.short_run import CLEANED, PHASES, ShortRun
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(1800)

ROUNDS = "collectiverun_reconcile_seconds_count{"


def rounds(operator):
    """How many rounds the operator has ended; 0 if it is too busy to say."""
    try:
        lines = operator.metrics().splitlines()
    except AssertionError:
        return 0
    return sum(float(line.split()[-1]) for line in lines if line.startswith(ROUNDS))


def wait_for_a_whole_round(operator):
    """Until a round has ended that began after now: the next but one."""
    known = eventually(lambda: rounds(operator), "a round")
    eventually(lambda: rounds(operator) >= known + 2, f"two rounds more than {known}")


def test_two_operators_at_once_do_no_harm(simulated_cluster):
    run = ShortRun.begin(simulated_cluster, CLEANED, held=True)
    settings = {"COLLECTIVERUN_FIGURES_SECONDS": "1"}  # a round at least so often while Pods run
    first = simulated_cluster.operator(run.namespace.name, **settings)
    second = simulated_cluster.operator(run.namespace.name, **settings)
    for phase in PHASES:
        run.wait_for_phase(phase)
        # Both take part. And who read the run before its Jobs were made has made them by now: later, when
        # one has removed the Jobs of the phase, the other, were it slow, would make one anew.
        for operator in (first, second):
            wait_for_a_whole_round(operator)
    run.finish()
    assert run.faults() == []
    assert first.is_running
    assert second.is_running
