"""A Pod that can't start, and a run that takes too long."""

import json
import time

import pytest
from support.run_bodies import scripted_run_body
from testbed.cluster.example_run import s3_storage

pytestmark = pytest.mark.timeout(900)


LIMIT = 6


def an_image_that_is_not_there(namespace):
    return scripted_run_body("no-image", namespace.storage, image="registry.invalid/nothing:1")


def a_node_that_is_not_there(namespace):
    return scripted_run_body(
        "no-node", namespace.storage, podTemplate={"spec": {"nodeSelector": {"no": "node"}}}
    )


def a_secret_that_is_not_there(namespace):
    return scripted_run_body("no-secret", s3_storage(namespace.store, "no-such-secret"))


CAUSES = {
    "image": (an_image_that_is_not_there, ("ErrImagePull", "ImagePullBackOff"), "registry.invalid/nothing:1"),
    "node": (a_node_that_is_not_there, ("Unschedulable",), "nodes are available"),
    "secret": (a_secret_that_is_not_there, ("CreateContainerConfigError",), "no-such-secret"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_pod_that_can_not_start_is_pending_until_its_deadline_and_then_fails_the_run(namespace, cause):
    make, reasons, detail = CAUSES[cause]
    body = make(namespace)
    body["spec"]["runPolicy"] = {"pendingDeadlineSeconds": 3600}
    run = namespace.apply_run(body)
    run.wait_for_member(state="Pending")
    run.wait_until(lambda: waits_for(run, reasons), f"a Pod that waits because of {reasons}")
    row = run.printed()
    assert (row["STATE"], row["PHASE"], row["PROGRESS"]) == ("Pending", "experts", "0/4")
    assert run.condition("Running") == ("False", "NotStarted")
    assert run.condition("Failed")[0] == "False"

    run.change(runPolicy={"pendingDeadlineSeconds": LIMIT})
    run.wait_for_state("Failed")
    failure = run.status["lastFailure"]
    assert (failure["kind"], failure["reason"]) == ("deadline", "PendingDeadlineExceeded")
    assert f"pendingDeadlineSeconds {LIMIT}" in failure["message"]
    assert any(reason in failure["message"] for reason in reasons)
    assert detail in failure["message"]
    assert run.condition("Failed") == ("True", "PendingDeadlineExceeded")
    row = run.printed("--output", "wide")
    assert (row["STATE"], row["RETRIES"], row["REASON"]) == ("Failed", "0", "PendingDeadlineExceeded")
    assert run.member()["attempt"] == 1


def waits_for(run, reasons):
    """Whether kubectl shows one of these reasons for its Pod."""
    text = json.dumps([pod["status"] for pod in run.pods()])
    return any(f'"{reason}"' in text for reason in reasons)


def test_the_active_deadline_stops_while_a_run_is_suspended_and_goes_on_afterwards(namespace):
    run = namespace.apply_run(namespace.simulated_run("late", runPolicy={"activeDeadlineSeconds": 3600}))
    run.wait_for_pod(1)
    run.change(suspend=True)
    spent = run.wait_for_state("Suspended")["activeSeconds"]
    time.sleep(LIMIT + 2)
    # Did the clock go on, the run were late now.
    run.change(runPolicy={"activeDeadlineSeconds": spent + LIMIT})
    run.wait(lambda status: status["observedGeneration"] == 3, "looked at again")
    assert (run.status["state"], run.status["activeSeconds"]) == ("Suspended", spent)
    assert run.condition("Failed")[0] == "False"

    run.change(suspend=False)
    run.wait_for_state("Failed")
    assert run.member()["attempt"] == 2
    assert run.condition("Failed") == ("True", "DeadlineExceeded")
    assert run.status["lastFailure"]["kind"] == "deadline"
    assert run.status["activeSeconds"] >= spent + LIMIT
    assert run.running_pods() == []
    run.wait_until(lambda: not run.pods(), "its Pods gone")
