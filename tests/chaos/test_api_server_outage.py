"""The API server goes away in the middle of a run, or hangs: the same operator process goes on afterwards."""

import time

import pytest
from chaos.short_run import ShortRun

pytestmark = pytest.mark.timeout(1800)

# The operator asks for something every second, and gives a request that is not answered up after 30.
BUSY = {"COLLECTIVERUN_CANARY_SECONDS": "1", "COLLECTIVERUN_FIGURES_SECONDS": "1"}
HANG_SECONDS = 40.0


def test_an_api_server_that_is_killed_and_started_again(simulated_cluster):
    run = ShortRun.begin(simulated_cluster, held=True)
    operator = simulated_cluster.operator(run.namespace.name)
    for phase in ("experts", "onlineDistillation"):
        run.wait_for_phase(phase)
        simulated_cluster.control_plane.api_server.kill()
        time.sleep(2.0)  # of requests that nobody answers
        simulated_cluster.control_plane.start_api_server()
    run.finish()
    assert run.faults() == []
    assert operator.is_running


def test_an_api_server_that_hangs_for_longer_than_any_request_may_take(simulated_cluster):
    run = ShortRun.begin(simulated_cluster, held=True)
    operator = simulated_cluster.operator(run.namespace.name, **BUSY)
    run.wait_for_phase("experts")
    simulated_cluster.control_plane.api_server.pause()
    time.sleep(HANG_SECONDS)
    simulated_cluster.control_plane.api_server.resume()
    run.finish()
    assert run.faults() == []
    assert operator.is_running
