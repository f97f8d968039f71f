"""Why a run is held: in Kueue's own words, soon, and put right by a label of the run."""

from __future__ import annotations

import pytest
from support.live_run import LiveRun
from support.operator_namespace import OperatorNamespace
from support.run_bodies import tasks
from testbed.kueue import queues
from testbed.kueue.objects import PRIORITY_LABEL, QUEUE_LABEL

# Every wait of a test may take long on a busy machine, and the first one starts the cluster.
pytestmark = pytest.mark.timeout(1800)
QUEUE, PRIORITY = "roomy", "ordinary"
NO_ROOM = "couldn't assign flavors to pod set main: insufficient unused quota for pods"


@pytest.fixture
def queue(namespace: OperatorNamespace) -> str:
    objects = [*queues.shared(QUEUE, jobs=2), queues.local(QUEUE, QUEUE), queues.priority(PRIORITY, 100)]
    namespace.cluster.apply(*objects, namespace=namespace.name)
    return QUEUE


@pytest.fixture
def apply(namespace: OperatorNamespace, queue: str):
    """Applies a run of simulated Pods with labels; it is deleted afterwards."""
    runs = []

    def apply_labelled(name: str, labels: dict[str, str], **spec: object) -> LiveRun:
        body = namespace.simulated_run(name, **spec)
        body["metadata"]["labels"] = labels
        runs.append(namespace.apply_run(body))
        return runs[-1]

    yield apply_labelled
    for run in runs:
        run.delete()


def label(run: LiveRun, *words: str) -> None:
    run.namespace.kubectl("label", "crun", run.name, "--overwrite", *words)


def assert_goes_on(run: LiveRun) -> None:
    run.wait_for_pod(1)
    run.wait_for_state("Running")
    assert run.status["retries"] == 0


def test_a_queue_that_is_not_there_is_named_and_another_label_reaches_the_held_job(apply):
    run = apply("lost", {QUEUE_LABEL: "nowhere"})
    run.wait_for_condition("Queued", "Inadmissible", "LocalQueue nowhere doesn't exist")
    run.wait_until(lambda: "LocalQueue nowhere doesn't exist" in str(run.events()), "an Event")
    label(run, f"{QUEUE_LABEL}={QUEUE}")
    assert_goes_on(run)
    assert f"got the run's {QUEUE_LABEL}={QUEUE}" in run.wait_for_event("JobRelabelled")


def test_an_unknown_priority_is_told_and_put_right_by_the_label(apply):
    run = apply("prior", {QUEUE_LABEL: QUEUE, PRIORITY_LABEL: "imaginary"})
    run.wait_for_condition("Queued", "NotInQueue", "WorkloadPriorityClass")
    label(run, f"{PRIORITY_LABEL}={PRIORITY}")
    assert_goes_on(run)


def test_what_the_queue_does_not_cover_is_named(apply):
    resources = {"limits": {"nvidia.com/gpu": 1}}
    run = apply("uncovered", {QUEUE_LABEL: QUEUE}, phases={"experts": {"resources": resources}})
    run.wait_for_condition("Queued", "WaitingForQuota", "resource nvidia.com/gpu unavailable in ClusterQueue")


def test_a_run_with_room_for_some_of_its_members_runs_and_says_what_waits(apply):
    body = {"tasks": tasks("reach", "push", "door-open")}
    run = apply("half", {QUEUE_LABEL: QUEUE}, **body)
    run.wait_for_condition("Queued", "PartlyAdmitted", f"1 of 3 Jobs are held by the queue: {NO_ROOM}")
    assert run.printed()["STATE"] == "Running"


def test_a_label_taken_off_a_held_job_by_hand_is_put_back(namespace, apply):
    run = apply("robbed", {QUEUE_LABEL: "nowhere"})
    run.wait_for_state("Queued")
    (name,) = run.job_names()
    namespace.kubectl("label", "job", name, f"{QUEUE_LABEL}-")
    run.wait_until(
        lambda: namespace.get("jobs", name)["metadata"]["labels"].get(QUEUE_LABEL) == "nowhere", "the label"
    )
    run.wait_for_event("JobRelabelled")


def test_a_run_without_a_label_is_held_by_the_queue_that_is_the_default(namespace, apply):
    namespace.cluster.apply(queues.local("default", "nothing"), namespace=namespace.name)
    try:
        run = apply("unlabelled", {})
        run.wait_for_condition("Queued", "Inadmissible", "ClusterQueue nothing doesn't exist")
    finally:
        namespace.kubectl("delete", "localqueue", "default")


def test_a_run_begun_while_kueue_is_down_says_so_and_goes_on_by_itself(kueue, apply):
    kueue.kill()
    try:
        run = apply("early", {QUEUE_LABEL: QUEUE})
        run.wait_for_condition("Accepted", "NotChecked", "failed calling webhook")
        assert run.printed()["STATE"] == "Pending"
        assert "failed calling webhook" in run.wait_for_event("NotChecked")
    finally:
        kueue.start()
    assert_goes_on(run)
    assert run.condition("Accepted") == ("True", "Validated")


def test_a_phase_whose_job_kueue_cannot_be_asked_about_says_so_and_goes_on_by_itself(kueue, apply):
    run = apply("midway", {QUEUE_LABEL: QUEUE})
    pod = run.wait_for_pod(1)
    kueue.kill()
    try:
        run.release(pod)
        run.wait_for_condition("Running", "JobRefused", "failed calling webhook")
        assert "failed calling webhook" in run.wait_for_event("JobRefused")
    finally:
        kueue.start()
    run.wait_for_pod(phase="trajectoryTransformer")
    assert run.status["retries"] == 0
