"""A token that is worth nothing any more: the operator goes on with the one that took its place."""

from contextlib import closing

import pytest
from chaos.behind_proxy import ProxiedOperator
from chaos.short_run import ShortRun
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(1800)


def test_a_token_that_expired_before_the_operator_read_the_next_one(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster, held=True)
    with closing(ProxiedOperator(mimicking_cluster, run.namespace)) as operator:
        run.wait_for_phase("experts")
        operator.renew_token("second")
        operator.end_token("first")
        # A watch that is open outlives its token; the next one begins with what it knows, the first.
        eventually(operator.proxy.sever, "connections to cut")
        run.wait_until_complete()
        assert run.faults() == []
        assert any(request.code == 401 for request in run.requests())
        assert operator.process.is_running
