"""A token that is worth nothing any more: the operator goes on with the one that took its place."""

from contextlib import closing

import pytest
from chaos.proxied_operator import ProxiedOperator
from chaos.short_run import ShortRun
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(1800)


def test_a_token_that_expired_before_the_operator_read_the_next_one(simulated_cluster):
    run = ShortRun.begin(simulated_cluster, held=True)
    with closing(ProxiedOperator(simulated_cluster, run.namespace)) as operator:
        run.wait_for_phase("experts")
        operator.renew_token("second")
        operator.end_token("first")
        # A watch that is open outlives its token; the next one begins with what it knows, the first.
        eventually(operator.proxy.sever, "connections to cut")
        run.finish()
        assert run.faults() == []
        assert any(request.code == 401 for request in run.namespace.requests())
        assert operator.process.is_running
