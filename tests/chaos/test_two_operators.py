"""Two operators by accident: the one that loses a write does nothing, so every run is driven once."""

from chaos.short_run import CLEANED, ShortRun


def test_two_operators_at_once_do_no_harm(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster, CLEANED)
    first = mimicking_cluster.operator(run.namespace)
    second = mimicking_cluster.operator(run.namespace)
    run.wait_until_complete()
    assert run.faults() == []
    assert first.is_running
    assert second.is_running
    # Both took part; were one asleep, this test would show nothing.
    assert all("collectiverun_reconcile_seconds_count" in operator.metrics() for operator in (first, second))
