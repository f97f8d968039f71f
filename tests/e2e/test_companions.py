"""Containers beside the trainer, which a user's Pod template or a mesh brings, on a real kubelet."""

from e2e.container_images import TRAINER
from support.namespace import Namespace
from support.run_bodies import learning_run_body
from testbed.cluster.example_run import s3_storage

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def companion(name, *command):
    """A container of the trainer's image, which is there."""
    container = {"name": name, "image": TRAINER, "command": list(command), "securityContext": RESTRICTED}
    return container | {"imagePullPolicy": "Never"}


def body_with(cluster, name, template, **policy):
    policy = {"terminationGracePeriodSeconds": 1, "retries": {"application": 1, "backoffSeconds": 0}} | policy
    return learning_run_body(
        name, s3_storage(cluster.object_store), runPolicy=policy, podTemplate={"spec": template}
    )


def test_a_container_that_runs_on_after_the_trainer_holds_up_no_attempt(container_cluster):
    template = {"containers": [companion("log-shipper", "sleep", "infinity")]}
    body = body_with(container_cluster, "shipped", template)
    body["spec"]["phases"]["experts"]["resources"] = {"limits": {"memory": "512Mi"}}
    body["spec"]["phases"]["experts"]["params"] |= {"hiddenSizes": [4096] * 4}
    namespace = Namespace.create_in(container_cluster, "sidecar")
    run = namespace.apply_run(body)
    status = run.wait_for_state("Failed")
    member = run.member()
    assert (member["attempt"], member["applicationRetries"]) == (2, 1)
    assert "needed more than its memory limit of 512Mi" in status["lastFailure"]["message"]
    run.wait_until(lambda: not run.running_pods(), "the end of every Pod")


def test_an_init_container_that_fails_is_named_and_spends_application_retries(container_cluster):
    template = {"initContainers": [companion("fetch-data", "sh", "-c", "echo no route >&2; exit 9")]}
    namespace = Namespace.create_in(container_cluster, "init")
    run = namespace.apply_run(body_with(container_cluster, "unprepared", template))
    failure = run.wait_for_state("Failed")["lastFailure"]
    assert (failure["kind"], failure["reason"]) == ("application", "InitContainerFailed")
    assert failure["message"].startswith("init container 'fetch-data' ended with exit code 9: Error")
    assert (run.member()["attempt"], run.member()["applicationRetries"]) == (2, 1)
