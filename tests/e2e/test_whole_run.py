"""The quickstart as a person would run it on a cluster: chart, Secret, kubectl apply, kubectl get."""

from behaviour.live_run import LiveRun, printed_table
from testbed.cluster.example_run import example_run

from collectiverun_operator.cli.smoke import with_smoke_budgets

PHASES = ("experts", "trajectoryTransformer", "onlineDistillation", "refinement", "students", "evaluation")
LIMIT_SECONDS = 900.0


def test_the_quickstart_goes_through_all_its_phases_in_containers(container_cluster):
    namespace = container_cluster.namespace("quickstart")
    body = with_smoke_budgets(example_run(container_cluster))
    run = LiveRun(container_cluster, namespace, body["metadata"]["name"])
    container_cluster.apply(body, namespace=namespace)
    container_cluster.wait_for("the end of the run", lambda: has_ended(run), LIMIT_SECONDS)

    print(run.kubectl("get", "collectiveruns"), run.described(), sep="\n")
    assert run.status["state"] == "Complete", run.described()
    assert [(phase["name"], phase["state"]) for phase in run.status["phases"]] == [
        (name, "Succeeded") for name in PHASES
    ]
    attempts = {member["attempt"] for phase in run.status["phases"] for member in phase["members"]}
    assert attempts == {1}
    row = printed_table(run.kubectl("get", "collectiveruns"))[0]
    assert (row["STATE"], row["PROGRESS"]) == ("Complete", "8/8")


def has_ended(run):
    return run.status.get("state") in ("Complete", "Failed", "Rejected")
