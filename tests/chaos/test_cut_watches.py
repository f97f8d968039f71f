"""Watch connections that end, and ones that stay open and say nothing more."""

from contextlib import closing

import pytest
from chaos.proxied_operator import ProxiedOperator
from chaos.short_run import PHASES, ShortRun
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(1800)


def test_connections_cut_in_every_phase(simulated_cluster):
    run = ShortRun.begin(simulated_cluster, held=True)
    with closing(ProxiedOperator(simulated_cluster, run.namespace)) as operator:
        for phase in PHASES:
            run.wait_for_phase(phase)
            # Those that were cut in the phase before may still be about to be made again.
            eventually(operator.proxy.sever, "connections to cut")
        run.finish()
        assert run.faults() == []
        assert operator.process.is_running


def test_what_a_dead_watch_does_not_tell_the_next_fresh_list_does(simulated_cluster):
    run = ShortRun.begin(simulated_cluster, held=True)
    settings = {"COLLECTIVERUN_RESYNC_SECONDS": "5", "COLLECTIVERUN_FIGURES_SECONDS": "5"}
    with closing(ProxiedOperator(simulated_cluster, run.namespace, **settings)) as operator:
        run.wait_for_phase("experts")
        eventually(operator.proxy.silence, "connections to silence")
        run.finish()
        assert run.faults() == []
