"""A token that is worth nothing any more: the operator goes on with the one that took its place."""

from contextlib import closing

import pytest
from chaos.behind_proxy import ProxiedOperator
from chaos.short_run import ShortRun

pytestmark = pytest.mark.timeout(1200)


def test_a_token_that_expired_before_the_operator_read_the_next_one(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster, pod_seconds=20)
    with closing(ProxiedOperator(mimicking_cluster, run.namespace)) as operator:
        run.wait_for_phase("experts")
        operator.renew_token("second")
        operator.end_token("first")
        operator.proxy.sever()  # a watch that is open outlives its token
        run.wait_until_complete()
        assert run.faults() == []
        assert any(request.code == 401 for request in run.requests())
        assert operator.process.is_running
