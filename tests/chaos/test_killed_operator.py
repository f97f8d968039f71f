"""Operators that die at any write: the run goes on with the next one, and nothing is done twice.

`benchmarks/killed_operator.py` lets one die before and after every single write of a run; here every write of
a run is the last one of its operator, and a few points are taken by themselves.
"""

import signal

import pytest
from chaos.mortal_operator import NO_ENDPOINTS, mortal_command
from chaos.short_run import CLEANED, LIMIT_SECONDS, PHASES, ShortRun
from testbed.kubernetes.audit_log import written_statuses

pytestmark = pytest.mark.timeout(1800)

# More than a run of five members takes writes; without progress the test ends here.
ENOUGH = 120


def a_mortal_operator(run, side, number):
    command = mortal_command(side, number)
    return run.cluster.operator(run.namespace, command=command, wait=False, **NO_ENDPOINTS)


def is_over_after_death_or_end(run, operator):
    """Waits for the operator's death or the run's end; whether it is the end."""
    what = "the operator's death or the run's end"
    run.cluster.wait_for(what, lambda: not operator.is_running or run.is_over, LIMIT_SECONDS)
    return run.is_over


def test_killed_after_each_of_its_writes_the_run_completes_and_nothing_was_done_twice(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster, CLEANED)
    operator = a_mortal_operator(run, "after", 1)
    deaths = 0
    while not is_over_after_death_or_end(run, operator):
        assert deaths < ENOUGH, run.status
        assert operator.returncode == -signal.SIGKILL, operator.log
        deaths += 1
        operator.start(wait=False)
    # A status is written alone. What a plan asks for goes out at once, so that its writes share a death.
    assert deaths >= len(written_statuses(run.requests())) + len(PHASES)
    assert run.faults() == []


@pytest.mark.parametrize(("side", "number"), [("before", 1), ("before", 3), ("before", 6), ("after", 9)])
def test_killed_at_one_write_the_next_operator_completes_the_run(mimicking_cluster, side, number):
    run = ShortRun.begin(mimicking_cluster, CLEANED)
    operator = a_mortal_operator(run, side, number)
    mimicking_cluster.wait_for("the operator's death", lambda: not operator.is_running, LIMIT_SECONDS)
    assert operator.returncode == -signal.SIGKILL, operator.log
    mimicking_cluster.operator(run.namespace)
    run.wait_until_complete()
    assert run.faults() == []
