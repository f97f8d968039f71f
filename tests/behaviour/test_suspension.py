"""Suspend and resume: a run stops at a checkpoint, stays stopped, and goes on from there."""

import json

import pytest
from support.faulty_proxy import FaultyProxy
from support.live_run import HELD
from support.operator_namespace import only_on
from support.run_bodies import learning_run_body, scripted_run_body, tasks
from support.stored_artifacts import StoredArtifacts
from testbed.cluster.example_run import s3_storage

pytestmark = pytest.mark.timeout(2400)

STEPS = 1600
# However late this test is: the first attempt does not get past its last checkpoints.
LAST_CHECKPOINTS = r"^PUT [^\r\n]*/attempt-1-step-1[0-9]{3}-\w+/"
LEARNING_SECONDS = 900.0


def experts_alone(namespace, name, endpoint=""):
    """A run of one expert with many checkpoints; what comes after it is not asked for, no node takes it."""
    body = learning_run_body(
        name,
        s3_storage(namespace.store, endpoint=endpoint),
        tasks=tasks("reach"),
        runPolicy={"cleanup": {"succeededJobs": "Retain"}},  # its log is read afterwards
    )
    budgets = {"totalEnvSteps": STEPS, "checkpointEveryEnvSteps": 200, "evaluationEveryEnvSteps": 400}
    body["spec"]["phases"]["experts"]["params"] |= budgets
    body["spec"]["phases"]["trajectoryTransformer"] |= only_on("no", "node")
    return body


def first_step_of_log(run, attempt):
    """Env steps of the first progress line that an attempt of the experts wrote."""
    job = next(name for name in run.job_names() if "-experts-" in name and name.endswith(f"-{attempt}"))
    lines = map(json.loads, run.namespace.kubectl("logs", f"job/{job}").splitlines())
    return next(line["envSteps"] for line in lines if line["kind"] == "progress")


def test_a_run_suspended_in_the_middle_of_a_phase_goes_on_at_its_checkpoint(namespace):
    straight = namespace.apply_run(experts_alone(namespace, "straight"))
    with FaultyProxy(namespace.store.endpoint, held=LAST_CHECKPOINTS) as proxy:
        run = namespace.apply_run(experts_alone(namespace, "paused", proxy.url))
        stopped_at = suspended_at_a_checkpoint(namespace, run)
        run.change(suspend=False)
        member = run.wait(has_succeeded, "its expert", LEARNING_SECONDS)["phases"][0]["members"][0]
        assert (member["attempt"], member["envSteps"], run.status["retries"]) == (2, STEPS, 0)
    # It went on at the checkpoint, and what it published is what an undisturbed run publishes, bit by bit.
    assert first_step_of_log(run, attempt=2) > stopped_at
    assert StoredArtifacts(namespace.store, run).manifest()["attempt"] == 2
    undisturbed = straight.wait(has_succeeded, "its expert", LEARNING_SECONDS)
    assert undisturbed["phases"][0]["members"][0]["attempt"] == 1
    assert first_step_of_log(straight, attempt=1) < stopped_at
    digests = [StoredArtifacts(namespace.store, each).digests() for each in (run, straight)]
    assert digests[0] == digests[1]


def suspended_at_a_checkpoint(namespace, run):
    """Suspend it once it has saved a checkpoint; at which env step it stopped."""
    stored = StoredArtifacts(namespace.store, run)
    run.wait_until(stored.checkpoint_steps, "a checkpoint")
    run.change(suspend=True)
    run.wait_for_state("Suspended")
    stopped_at = stored.checkpoint_steps()[-1]
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


def test_a_finished_member_is_not_repeated_after_a_suspension(namespace):
    run = namespace.apply_run(namespace.simulated_run("half-done", tasks=tasks("reach", "push")))
    run.release(run.wait_for_pod(1))
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
    run.finish()
    members = run.phase("experts")["members"]
    assert done in members
    assert sorted(member["attempt"] for member in members) == [1, 2]


def test_a_run_is_suspending_until_its_last_pod_is_gone(namespace):
    body = scripted_run_body(
        "slow-to-stop", namespace.storage, runPolicy={"terminationGracePeriodSeconds": 600}
    )
    # A process that hangs hears no SIGTERM, and its grace is long.
    body["spec"]["podTemplate"] |= HELD
    run = namespace.apply_run(body)
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
