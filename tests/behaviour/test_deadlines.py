"""A Pod that can't start, and a run that takes too long."""

import time

import pytest
from behaviour.runs import a_scripted_run, s3_storage

pytestmark = pytest.mark.timeout(900)


LIMIT = 6


def an_image_that_is_not_there(place):
    return a_scripted_run("no-image", place.storage, image="registry.invalid/nothing:1")


def a_node_that_is_not_there(place):
    return a_scripted_run("no-node", place.storage, podTemplate={"spec": {"nodeSelector": {"no": "node"}}})


def a_secret_that_is_not_there(place):
    return a_scripted_run("no-secret", s3_storage(place.store, "no-such-secret"))


CAUSES = {
    "image": (an_image_that_is_not_there, ("ErrImagePull", "ImagePullBackOff"), "registry.invalid/nothing:1"),
    "node": (a_node_that_is_not_there, ("Unschedulable",), "nodes are available"),
    "secret": (a_secret_that_is_not_there, ("CreateContainerConfigError",), "no-such-secret"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_pod_that_can_not_start_is_pending_until_its_deadline_and_then_fails_the_run(place, cause):
    make, reasons, detail = CAUSES[cause]
    body = make(place)
    body["spec"]["runPolicy"] = {"pendingDeadlineSeconds": LIMIT}
    run = place.apply(body)
    run.wait_until(run.pods, "a Pod")
    seen = []

    def has_failed():
        seen.append(run.printed()["STATE"])
        return seen[-1] == "Failed"

    run.wait_until(has_failed, "Failed")
    assert set(seen) == {"Pending", "Failed"}
    failure = run.status["lastFailure"]
    assert (failure["kind"], failure["reason"]) == ("deadline", "PendingDeadlineExceeded")
    assert f"pendingDeadlineSeconds {LIMIT}" in failure["message"]
    assert any(reason in failure["message"] for reason in reasons)
    assert detail in failure["message"]
    assert run.condition("Failed") == ("True", "PendingDeadlineExceeded")
    row = run.printed("--output", "wide")
    assert (row["STATE"], row["RETRIES"], row["REASON"]) == ("Failed", "0", "PendingDeadlineExceeded")


def test_the_active_deadline_stops_while_a_run_is_suspended_and_goes_on_afterwards(place):
    limit = 20
    run = place.apply(place.mimicked("late", runPolicy={"activeDeadlineSeconds": limit}))
    run.wait_for_pod(1)
    run.wait_for_state("Running")
    run.change(suspend=True)
    status = run.wait_for_state("Suspended")
    spent = status["activeSeconds"]
    assert spent < limit
    time.sleep(limit)
    run.change(suspend=False)
    run.wait_for_state("Running")
    assert run.status["activeSeconds"] == spent
    # What is left of it counts from here; a shorter limit only saves the test's time.
    run.change(runPolicy={"activeDeadlineSeconds": spent + 5})
    run.wait_for_state("Failed")
    assert run.condition("Failed") == ("True", "DeadlineExceeded")
    assert run.status["lastFailure"]["kind"] == "deadline"
    assert run.status["activeSeconds"] >= spent + 5
    assert run.pods() == []
