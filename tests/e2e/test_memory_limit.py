"""A container that needs more memory than it may have, on a real kernel."""

import pytest
from support.namespace import Namespace
from support.run_bodies import learning_run_body
from testbed.cluster.example_run import s3_storage


@pytest.fixture
def namespace(container_cluster):
    """One in which the trainer's code stays in memory, on account of another run's container.

    A kernel that can gain a page by dropping code does not kill: it drops the code that runs, reads it from
    the disk again, and so on without end. Code that another container has read is not for this one to drop.
    """
    namespace = Namespace.create_in(container_cluster, "memory")
    body = learning_run_body("beside", s3_storage(container_cluster.object_store))
    body["spec"]["phases"]["experts"]["params"] |= {"totalEnvSteps": 10_000_000}
    beside = namespace.apply_run(body)
    name = beside.wait_for_pod()["metadata"]["name"]
    beside.wait_until(lambda: beside.progress_steps(name), "a line of progress")
    yield namespace
    namespace.kubectl("delete", "collectiverun", "beside")
    beside.wait_until_nothing_is_left()


def test_a_container_out_of_memory_spends_an_application_retry_and_gets_more_if_asked_for(
    container_cluster, namespace
):
    policy = {"retries": {"application": 1, "backoffSeconds": 0, "memoryFactor": 1.5}}
    body = learning_run_body("cramped", s3_storage(container_cluster.object_store), runPolicy=policy)
    # Enough for the trainer, not for its networks: a gigabyte for each expert.
    body["spec"]["phases"]["experts"]["resources"] = {"limits": {"memory": "512Mi"}}
    body["spec"]["phases"]["experts"]["params"] |= {"hiddenSizes": [4096] * 4}
    run = namespace.apply_run(body)
    status = run.wait_for_state("Failed")
    print(namespace.kubectl("get", "collectiveruns", "--output", "wide"), status["lastFailure"])
    assert (status["lastFailure"]["kind"], status["lastFailure"]["reason"]) == ("application", "OOMKilled")
    assert status["lastFailure"]["exitCode"] == 137
    member = run.member()
    assert (member["attempt"], member["applicationRetries"]) == (2, 1)
    assert member.get("infrastructureRetries", 0) == 0
    limits = [limit for job in run.jobs() for limit in memory_limits(job)]
    assert limits == ["512Mi", "768Mi"]


def memory_limits(job):
    containers = job["spec"]["template"]["spec"]["containers"]
    return [container["resources"]["limits"]["memory"] for container in containers]
