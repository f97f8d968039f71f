"""The S3 server dies while the real trainer reads and writes there."""

import pytest
from chaos.short_run import MEMBERS, PHASES, ShortRun
from support.run_bodies import scripted_run_body
from support.stored_artifacts import StoredArtifacts
from testbed.cluster.example_run import s3_storage

pytestmark = pytest.mark.timeout(1800)

# Without any application retry, a failure that is taken for the program's ends the run.
OUTAGE_POLICY = {"retries": {"application": 0, "backoffSeconds": 1}, "cleanup": {"succeededJobs": "Retain"}}


def failed_requests(run, phase):
    """How often trainers of this phase, or of one after it, have said that storage failed."""
    later = PHASES[PHASES.index(phase) :]
    started = [
        pod["metadata"]["name"]
        for pod in run.pods()
        if pod["status"]["phase"] != "Pending" and pod["metadata"]["labels"]["collectiverl.io/phase"] in later
    ]
    return sum(run.namespace.kubectl("logs", pod).count("Storage failed at ") for pod in started)


def test_storage_killed_in_the_middle_of_phases_costs_no_application_retry(small_cluster):
    body = scripted_run_body("demo", s3_storage(small_cluster.object_store), runPolicy=OUTAGE_POLICY)
    del body["spec"]["phases"]["experts"]["tasksPerJob"]
    run = ShortRun.apply(small_cluster, **body["spec"])
    small_cluster.operator(run.namespace.name)
    for phase in ("trajectoryTransformer", "onlineDistillation"):
        run.wait_for_phase(phase)
        small_cluster.object_store.kill()  # at once: the phase takes seconds and waits for no test
        run.wait_until(lambda: failed_requests(run, phase) >= 2, "a trainer that misses its storage")  # noqa: B023
        small_cluster.object_store.start()
    run.finish()
    commits = StoredArtifacts(small_cluster.object_store, run).commits()
    assert set(commits.values()) == {1}
    assert len(commits) == MEMBERS
