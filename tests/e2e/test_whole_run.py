"""The quickstart as a person would run it on a cluster: chart, Secret, kubectl apply, kubectl get."""

import pytest
from support.live_run import printed_table
from support.namespace import Namespace
from testbed.cluster.example_run import example_run

from collectiverun_operator.cli.smoke import with_smoke_budgets

PHASES = ("experts", "trajectoryTransformer", "onlineDistillation", "refinement", "students", "evaluation")
LIMIT_SECONDS = 900.0


@pytest.fixture(scope="module")
def quickstart(container_cluster):
    """Its namespace and the run, which has ended."""
    namespace = Namespace.create_in(container_cluster, "quickstart")
    return namespace, ended(namespace, with_smoke_budgets(example_run(container_cluster)))


def ended(namespace, body):
    run = namespace.apply_run(body)
    run.wait(
        lambda status: status.get("state") in ("Complete", "Failed", "Rejected"), "its end", LIMIT_SECONDS
    )
    print(namespace.kubectl("get", "collectiveruns"), run.described(), sep="\n")
    assert run.status["state"] == "Complete", run.described()
    return run


def test_the_quickstart_goes_through_all_its_phases_in_containers(quickstart):
    namespace, run = quickstart
    assert [(phase["name"], phase["state"]) for phase in run.status["phases"]] == [
        (name, "Succeeded") for name in PHASES
    ]
    attempts = {member["attempt"] for phase in run.status["phases"] for member in phase["members"]}
    assert attempts == {1}
    row = printed_table(namespace.kubectl("get", "collectiveruns"))[0]
    assert (row["STATE"], row["PROGRESS"]) == ("Complete", "8/8")


def test_a_task_is_added_to_a_finished_run_for_the_price_of_one_expert(quickstart, container_cluster):
    namespace, earlier = quickstart
    body = with_smoke_budgets(example_run(container_cluster))
    body["metadata"]["name"] = "and-one-more"
    body["spec"]["tasks"].append({"env": "push-v3"})
    body["spec"]["phases"]["experts"]["from"] = earlier.status["resolved"]["storageRoot"]
    for phase in ("refinement", "students"):
        body["spec"]["phases"][phase]["enabled"] = False
    run = ended(namespace, body)
    before, after = (one.status["phases"][0] for one in (earlier, run))
    assert 0 < after["envSteps"] <= before["envSteps"] / 2  # of one expert, not of three
