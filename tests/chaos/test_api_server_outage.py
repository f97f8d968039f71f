"""The API server goes away in the middle of a run, or hangs: the same operator process goes on afterwards."""

import time

import pytest
from chaos.short_run import ShortRun

pytestmark = pytest.mark.timeout(1800)

HANG_SECONDS = 90.0


def test_an_api_server_that_is_killed_and_started_again(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster, held=True)
    operator = mimicking_cluster.operator(run.namespace)
    for phase in ("experts", "onlineDistillation"):
        run.wait_for_phase(phase)
        mimicking_cluster.control_plane.api_server.kill()
        time.sleep(2.0)  # of requests that nobody answers
        mimicking_cluster.control_plane.start_api_server()
    run.wait_until_complete()
    assert run.faults() == []
    assert operator.is_running


def test_an_api_server_that_hangs_for_longer_than_any_request_may_take(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster, held=True)
    operator = mimicking_cluster.operator(run.namespace)
    run.wait_for_phase("experts")
    mimicking_cluster.control_plane.api_server.pause()
    time.sleep(HANG_SECONDS)
    mimicking_cluster.control_plane.api_server.resume()
    run.wait_until_complete()
    assert run.faults() == []
    assert operator.is_running
