"""The quickstart as a person would run it on a cluster: chart, Secret, kubectl apply, kubectl get."""

from support.live_run import printed_table
from support.namespace import Namespace
from testbed.cluster.example_run import example_run

from collectiverun_operator.cli.smoke import with_smoke_budgets

PHASES = ("experts", "trajectoryTransformer", "onlineDistillation", "refinement", "students", "evaluation")
LIMIT_SECONDS = 900.0


def test_the_quickstart_goes_through_all_its_phases_in_containers(container_cluster):
    namespace = Namespace.create_in(container_cluster, "quickstart")
    run = namespace.apply_run(with_smoke_budgets(example_run(container_cluster)))
    container_cluster.wait_for("the end of the run", lambda: has_ended(run), LIMIT_SECONDS)

    print(namespace.kubectl("get", "collectiveruns"), run.described(), sep="\n")
    assert run.status["state"] == "Complete", run.described()
    assert [(phase["name"], phase["state"]) for phase in run.status["phases"]] == [
        (name, "Succeeded") for name in PHASES
    ]
    attempts = {member["attempt"] for phase in run.status["phases"] for member in phase["members"]}
    assert attempts == {1}
    row = printed_table(namespace.kubectl("get", "collectiveruns"))[0]
    assert (row["STATE"], row["PROGRESS"]) == ("Complete", "8/8")


def has_ended(run):
    return run.status.get("state") in ("Complete", "Failed", "Rejected")
