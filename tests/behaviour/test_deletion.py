"""What goes when something is deleted, and what must not come back."""

import pytest
from support.run_bodies import tasks

pytestmark = pytest.mark.timeout(900)


def test_deleting_a_run_deletes_its_jobs_and_stops_its_pods(namespace):
    run = namespace.apply_run(namespace.simulated_run("unwanted", tasks=tasks("reach", "push")))
    run.wait_for_pod(1)
    run.wait_until(lambda: len(run.jobs()) == 2, "two Jobs")
    run.delete()
    run.wait_until_nothing_is_left()


def test_a_finished_run_is_deleted_when_its_time_to_live_is_over(namespace):
    policy = {"ttlSecondsAfterFinished": 3600, "cleanup": {"succeededJobs": "Retain"}}
    run = namespace.apply_run(namespace.simulated_run("short-lived", runPolicy=policy))
    run.finish()
    assert len(run.jobs()) == 4
    # Shortened only now, or it were over before anybody had seen that the run is complete.
    run.change(runPolicy={"ttlSecondsAfterFinished": 3})
    run.wait_until(lambda: not run.exists, "deleted")
    run.wait_until_nothing_is_left()


def test_a_failed_run_is_deleted_too_and_one_without_a_time_to_live_stays(namespace):
    kept = namespace.apply_run(namespace.simulated_run("kept"))
    run = namespace.apply_run(namespace.simulated_run("failed", runPolicy={"ttlSecondsAfterFinished": 1}))
    for each in (kept, run):
        each.fault(each.wait_for_pod(1), "exit-3")
    run.wait_until(lambda: not run.exists, "deleted")
    assert kept.wait_for_state("Failed")["completionTime"]


def test_finished_jobs_that_somebody_deletes_are_not_run_again(namespace):
    policy = {"cleanup": {"succeededJobs": "Retain"}}
    run = namespace.apply_run(namespace.simulated_run("tidied", runPolicy=policy))
    run.release(run.wait_for_pod(1))
    run.wait_for_pod(1, "trajectoryTransformer")
    namespace.kubectl("delete", "jobs", "--selector", f"{run.selector},collectiverl.io/phase=experts")
    run.finish()
    assert attempts(run) == [1, 1, 1, 1]
    assert [name.split("-")[1] for name in run.job_names()] == ["distill", "encode", "evaluate"]

    namespace.kubectl("delete", "jobs", "--selector", run.selector)
    namespace.operator.kill()
    namespace.operator.start()
    run.change(retryToken="look-again")
    run.wait(lambda status: status["observedGeneration"] == 2, "looked at again")
    assert (run.jobs(), run.status["state"], attempts(run)) == ([], "Complete", [1, 1, 1, 1])


def attempts(run):
    return [member["attempt"] for phase in run.status["phases"] for member in phase["members"]]
