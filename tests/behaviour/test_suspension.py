"""Suspend and resume: a run stops at a checkpoint, stays stopped, and goes on from there."""

import json

import pytest
from behaviour.gate import gated
from behaviour.live_run import FAULT
from behaviour.place import only_on
from behaviour.runs import a_learning_run, a_scripted_run, s3_storage
from behaviour.stored import committed_checkpoint_steps, file_digests, manifest

pytestmark = pytest.mark.timeout(2400)

STEPS = 1600
# However late this test is: the first attempt does not get past its last checkpoints.
LAST_CHECKPOINTS = r"/attempt-1-step-1[0-9]{3}/"
LEARNING_SECONDS = 900.0


def experts_alone(place, name, endpoint=""):
    """A run of one expert with many checkpoints; what comes after it is not asked for, no node takes it."""
    body = a_learning_run(
        name,
        s3_storage(place.store, endpoint=endpoint),
        tasks=[{"env": "reach-v3"}],
        runPolicy={"cleanup": {"succeededJobs": "Retain"}},  # its log is read afterwards
    )
    budgets = {"totalEnvSteps": STEPS, "checkpointEveryEnvSteps": 200, "evaluationEveryEnvSteps": 400}
    body["spec"]["phases"]["experts"]["params"] |= budgets
    body["spec"]["phases"]["trajectoryTransformer"] |= only_on("no", "node")
    return body


def first_step_of_log(run, attempt):
    """Env steps of the first progress line that an attempt of the experts wrote."""
    job = next(name for name in run.job_names() if "-experts-" in name and name.endswith(f"-{attempt}"))
    lines = map(json.loads, run.kubectl("logs", f"job/{job}").splitlines())
    return next(line["envSteps"] for line in lines if line["kind"] == "progress")


def test_a_run_suspended_in_the_middle_of_a_phase_goes_on_at_its_checkpoint(place):
    straight = place.apply(experts_alone(place, "straight"))
    with gated(place.store.endpoint, LAST_CHECKPOINTS) as endpoint:
        run = place.apply(experts_alone(place, "paused", endpoint))
        stopped_at = suspended_at_a_checkpoint(run)
        run.change(suspend=False)
        member = run.wait(has_succeeded, "its expert", LEARNING_SECONDS)["phases"][0]["members"][0]
        assert (member["attempt"], member["envSteps"], run.status["retries"]) == (2, STEPS, 0)
    # It went on at the checkpoint, and what it published is what an undisturbed run publishes, bit by bit.
    assert first_step_of_log(run, attempt=2) > stopped_at
    assert manifest(run)["attempt"] == 2
    undisturbed = straight.wait(has_succeeded, "its expert", LEARNING_SECONDS)
    assert undisturbed["phases"][0]["members"][0]["attempt"] == 1
    assert first_step_of_log(straight, attempt=1) < stopped_at
    assert file_digests(run) == file_digests(straight)


def suspended_at_a_checkpoint(run):
    """Suspend it once it has saved a checkpoint; at which env step it stopped."""
    run.wait_until(lambda: committed_checkpoint_steps(run), "a checkpoint")
    run.change(suspend=True)
    run.wait_for_state("Suspended")
    stopped_at = committed_checkpoint_steps(run)[-1]
    assert 0 < stopped_at < STEPS
    assert run.running_pods() == []
    run.wait_until_nothing_is_left()
    assert run.condition("Suspended") == ("True", "Requested")
    row = run.printed("--output", "wide")
    told = (row["STATE"], row["PHASE"], row["SUSPEND"], row["RETRIES"])
    assert told == ("Suspended", "experts", "true", "0")
    return stopped_at


def has_succeeded(status):
    return status["phases"][0]["members"][0]["state"] == "Succeeded" if "phases" in status else False


def test_a_finished_member_is_not_repeated_after_a_suspension(place):
    run = place.apply(place.mimicked("half-done", tasks=[{"env": "reach-v3"}, {"env": "push-v3"}]))
    place.succeed(run.wait_for_pod(1))
    run.wait(lambda status: status.get("progress") == "1/5", "one member done")
    members = run.phase("experts")["members"]
    done = next(member for member in members if member["state"] == "Succeeded")
    run.change(suspend=True)
    run.wait_for_state("Suspended")
    assert run.printed()["PROGRESS"] == "1/5"
    run.change(suspend=False)
    run.wait_for_pod(2)
    run.wait_for_state("Running")
    row = run.printed("--output", "wide")
    assert (row["STATE"], row["SUSPEND"]) == ("Running", "false")
    place.finish(run)
    members = run.phase("experts")["members"]
    assert done in members
    assert sorted(member["attempt"] for member in members) == [1, 2]


def test_a_run_is_suspending_until_its_last_pod_is_gone(place):
    body = a_scripted_run("slow-to-stop", place.storage, runPolicy={"terminationGracePeriodSeconds": 600})
    # A process that hangs hears no SIGTERM, and its grace is long.
    body["spec"]["podTemplate"] |= {"metadata": {"annotations": {FAULT: "hang"}}}
    run = place.apply(body)
    pod = run.wait_for_pod(1)
    run.wait_for_state("Running")
    run.change(suspend=True)
    run.wait_for_state("Suspending")
    assert run.printed()["STATE"] == "Suspending"
    assert run.condition("Suspended") == ("False", "Suspending")
    assert run.condition("Running") == ("True", "Stopping")
    run.fault(pod, "exit-143")
    run.wait_for_state("Suspended")
    assert run.running_pods() == []
    run.wait_until(lambda: not run.pods(), "its Pods gone")
    assert run.status["retries"] == 0
