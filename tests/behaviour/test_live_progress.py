"""While Pods run, their newest progress lines are what `kubectl get` shows."""

import re

import pytest

pytestmark = pytest.mark.timeout(900)


def test_success_and_time_left_are_printed_while_a_phase_runs(namespace):
    run = namespace.apply_run(namespace.simulated_run("hopeful"))
    run.wait_for_pod(1)
    assert run.printed()["PROGRESS"] == "0/4"
    run.wait(lambda status: status.get("successRate"), "success of a running phase")
    row = run.printed()
    assert (row["STATE"], row["PHASE"], row["PROGRESS"]) == ("Running", "experts", "0/4")
    assert row["SUCCESS"] == "75 %"
    assert re.fullmatch(r"(\d+[dhms])+", row["AGE"]), row
    assert re.fullmatch(r"(\d+[dhms] ?)+", row["ETA"]), row
    status = run.status
    assert status["success"] == {"experts": {"anyStep": 0.75, "atEnd": 0.5}}
    assert status["phases"][0]["success"] == {"anyStep": 0.75, "atEnd": 0.5}
    run.delete()
