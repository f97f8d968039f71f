"""What goes when something is deleted, and what must not come back."""

import pytest

pytestmark = pytest.mark.timeout(900)


def test_deleting_a_run_deletes_its_jobs_and_stops_its_pods(place):
    run = place.apply(place.mimicked("unwanted", tasks=[{"env": "reach-v3"}, {"env": "push-v3"}]))
    run.wait_for_pod(1)
    run.wait_until(lambda: len(run.jobs()) == 2, "two Jobs")
    run.delete()
    run.wait_until_nothing_is_left()


def test_a_finished_run_is_deleted_when_its_time_to_live_is_over(place):
    policy = {"ttlSecondsAfterFinished": 3600, "cleanup": {"succeededJobs": "Retain"}}
    run = place.apply(place.mimicked("short-lived", runPolicy=policy))
    place.finish(run)
    assert len(run.jobs()) == 4
    # Shortened only now, or it were over before anybody had seen that the run is complete.
    run.change(runPolicy={"ttlSecondsAfterFinished": 3})
    run.wait_until(lambda: not run.exists, "deleted")
    run.wait_until_nothing_is_left()


def test_a_failed_run_is_deleted_too_and_one_without_a_time_to_live_stays(place):
    kept = place.apply(place.mimicked("kept"))
    run = place.apply(place.mimicked("failed", runPolicy={"ttlSecondsAfterFinished": 1}))
    for each in (kept, run):
        each.fault(each.wait_for_pod(1), "exit-3")
    run.wait_until(lambda: not run.exists, "deleted")
    assert kept.wait_for_state("Failed")["completionTime"]


def test_finished_jobs_that_somebody_deletes_are_not_run_again(place):
    policy = {"cleanup": {"succeededJobs": "Retain"}}
    run = place.apply(place.mimicked("tidied", runPolicy=policy))
    place.succeed(run.wait_for_pod(1))
    run.wait_for_pod(1, "trajectoryTransformer")
    run.kubectl("delete", "jobs", "--selector", f"{run.selector},collectiverl.io/phase=experts")
    place.finish(run)
    assert attempts(run) == [1, 1, 1, 1]
    assert [name.split("-")[1] for name in run.job_names()] == ["distill", "encode", "evaluate"]

    run.kubectl("delete", "jobs", "--selector", run.selector)
    place.restart_operator()
    run.change(retryToken="look-again")
    run.wait(lambda status: status["observedGeneration"] == 2, "looked at again")
    assert (run.jobs(), run.status["state"], attempts(run)) == ([], "Complete", [1, 1, 1, 1])


def attempts(run):
    return [member["attempt"] for phase in run.status["phases"] for member in phase["members"]]
