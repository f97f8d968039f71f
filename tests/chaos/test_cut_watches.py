"""Watch connections that end, and ones that stay open and say nothing more."""

from contextlib import closing

from chaos.behind_proxy import ProxiedOperator
from chaos.short_run import ShortRun


def test_connections_cut_in_every_phase(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster)
    with closing(ProxiedOperator(mimicking_cluster, run.namespace)) as operator:
        for phase in ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation"):
            run.wait_for_phase(phase)
            assert operator.proxy.sever() > 0
        run.wait_until_complete()
        assert run.faults() == []
        assert operator.process.is_running


def test_what_a_dead_watch_does_not_tell_the_next_fresh_list_does(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster)
    settings = {"COLLECTIVERUN_RESYNC_SECONDS": "5", "COLLECTIVERUN_FIGURES_SECONDS": "5"}
    with closing(ProxiedOperator(mimicking_cluster, run.namespace, **settings)) as operator:
        run.wait_for_phase("experts")
        assert operator.proxy.silence() > 0
        run.wait_until_complete()
        assert run.faults() == []
