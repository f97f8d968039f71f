"""The S3 server dies while the real trainer reads and writes there."""

import time
from collections import Counter

import pytest
import s3fs
from chaos.short_run import MEMBERS, NAME, ShortRun

from collectiverun_operator.cli.smoke import with_smoke_budgets

pytestmark = pytest.mark.timeout(1800)

# Longer than a phase of this run takes, so that it is felt, and less than the trainer waits for storage.
OUTAGE_SECONDS = 15.0
# Without any application retry, a failure that is taken for the program's ends the run.
OUTAGE_POLICY = {"retries": {"application": 0, "backoffSeconds": 1}, "cleanup": {"succeededJobs": "Retain"}}


def small_spec():
    """Budgets of seconds, and experts that need not learn."""
    body = with_smoke_budgets({"metadata": {"name": NAME}, "spec": {}})
    phases = body["spec"]["phases"]
    phases["experts"]["params"]["source"] = "scripted"
    phases["evaluation"]["params"]["videos"] = False
    return body["spec"] | {"runPolicy": OUTAGE_POLICY}


def commits(run):
    """How many artifacts each member committed."""
    store = run.cluster.object_store
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(
        key=store.access_key, secret=store.secret_key, client_kwargs={"endpoint_url": store.endpoint}
    )
    found = files.glob(f"{run.status['resolved']['storageRoot']}/*/*/attempt-*/*/_SUCCESS")
    return Counter(tuple(path.split("/")[-5:-3]) for path in found)


def test_storage_killed_in_the_middle_of_phases_costs_no_application_retry(small_cluster):
    run = ShortRun.apply(small_cluster, **small_spec())
    small_cluster.operator(run.namespace)
    for phase in ("trajectoryTransformer", "onlineDistillation"):
        run.wait_for_phase(phase)
        small_cluster.object_store.kill()
        time.sleep(OUTAGE_SECONDS)
        small_cluster.object_store.start()
    run.wait_until_complete()
    assert set(commits(run).values()) == {1}
    assert len(commits(run)) == MEMBERS
