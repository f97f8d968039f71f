"""Operators that die at any write: the run goes on with the next one, and nothing is done twice.

`benchmarks/killed_operator.py` lets one die before and after every single write of a run; here every write of
a run is the last one of its operator, and a few points are taken by themselves.
"""

import signal

import pytest
from chaos.killable_operator import NO_ENDPOINTS, killable_command
from chaos.short_run import CLEANED, PHASES, ShortRun
from testbed.kubernetes.audit_log import written_statuses

pytestmark = pytest.mark.timeout(1800)

# More than a run of five members takes writes; without progress the test ends here.
ENOUGH = 120


def killable_operator(cluster, run, side, number):
    command = killable_command(side, number)
    return cluster.operator(run.namespace.name, command=command, wait=False, **NO_ENDPOINTS)


def is_over_after_death_or_end(run, operator):
    """Waits for the operator's death or the run's end; whether it is the end."""
    run.wait_until(lambda: not operator.is_running or run.is_over, "the operator's death or the run's end")
    return run.is_over


def test_killed_after_each_of_its_writes_the_run_completes_and_nothing_was_done_twice(simulated_cluster):
    run = ShortRun.begin(simulated_cluster, CLEANED)
    operator = killable_operator(simulated_cluster, run, "after", 1)
    deaths = 0
    while not is_over_after_death_or_end(run, operator):
        assert deaths < ENOUGH, run.status
        assert operator.returncode == -signal.SIGKILL, operator.log
        deaths += 1
        operator.start(wait=False)
    # A status is written alone. What a plan asks for goes out at once, so that its writes share a death.
    assert deaths >= len(written_statuses(run.namespace.requests())) + len(PHASES)
    assert run.faults() == []


@pytest.mark.parametrize(("side", "number"), [("before", 1), ("before", 3), ("before", 6), ("after", 9)])
def test_killed_at_one_write_the_next_operator_completes_the_run(simulated_cluster, side, number):
    run = ShortRun.begin(simulated_cluster, CLEANED)
    operator = killable_operator(simulated_cluster, run, side, number)
    run.wait_until(lambda: not operator.is_running, "the operator's death")
    assert operator.returncode == -signal.SIGKILL, operator.log
    simulated_cluster.operator(run.namespace.name)
    run.finish()
    assert run.faults() == []
