"""One reconcile: the status is on disk before any action, and a reconcile that is cut off is repeated."""

import asyncio
from datetime import UTC, datetime

import pytest
from support.run_bodies import tasks
from unit_operator.builders import a_body

from collectiverun_operator.api.run import StoredRun, parse_run
from collectiverun_operator.api.status_json import read_status
from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.cluster.local.machine import Machine
from collectiverun_operator.reconciler import reconcile

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def body(**spec):
    return a_body(**({"tasks": tasks("reach", "door-close")} | spec))


class CutOff(LocalCluster):
    """The driver dies when it is about to make the second Job."""

    async def create_job(self, manifest):
        if len(await self.jobs("")) == 1:
            raise KeyboardInterrupt
        return await super().create_job(manifest)


def turn(cluster, document, **options):
    return asyncio.run(reconcile(cluster, StoredRun.read(document), NOW, **options))


@pytest.fixture
def cluster(tmp_path):
    with LocalCluster.open(tmp_path, Machine(cores=1)) as cluster:
        yield cluster


def test_a_reconcile_writes_the_status_and_creates_the_jobs(cluster):
    reconciled = turn(cluster, body())
    assert read_status(cluster.read_run()["status"]) == reconciled.status
    assert len(asyncio.run(cluster.jobs(""))) == 2
    assert [member.attempt for member in reconciled.status.phases[0].members] == [1, 1]


def test_a_reconcile_that_changes_nothing_writes_nothing(cluster, tmp_path):
    first = turn(cluster, body())
    second = turn(cluster, first.stored.body)
    (tmp_path / "run.json").unlink()
    assert turn(cluster, second.stored.body).status == second.status
    assert cluster.read_run() is None


def test_a_reconcile_cut_off_between_two_jobs_is_repeated_under_the_same_names(tmp_path):
    with CutOff.open(tmp_path, Machine(cores=1)) as cluster, pytest.raises(KeyboardInterrupt):
        turn(cluster, body())
    with LocalCluster.open(tmp_path, Machine(cores=1)) as cluster:
        recorded = cluster.read_run()
        assert [member["attempt"] for member in recorded["status"]["phases"][0]["members"]] == [1, 1]
        before = {job["metadata"]["uid"] for job in asyncio.run(cluster.jobs(""))}
        status = turn(cluster, recorded).status
        after = {job["metadata"]["uid"] for job in asyncio.run(cluster.jobs(""))}
    assert len(before) == 1
    assert len(after) == 2
    assert before < after
    assert [member.attempt for member in status.phases[0].members] == [1, 1]


def test_a_run_that_can_not_be_read_is_rejected_and_nothing_is_made(cluster):
    status = turn(cluster, body(tasks=[])).status
    accepted = status.condition("Accepted")
    assert (accepted.status, accepted.reason) == ("False", "InvalidSpec")
    assert "spec.tasks" in accepted.message
    assert asyncio.run(cluster.jobs("")) == []


def test_a_suspended_run_deletes_its_jobs_and_rests(cluster):
    running = turn(cluster, body()).stored.body
    suspended = {**running, "spec": {**running["spec"], "suspend": True}}
    for _ in range(3):
        suspended = turn(cluster, suspended).stored.body
    assert asyncio.run(cluster.jobs("")) == []
    assert suspended["status"]["state"] == "Suspended"


def test_the_uid_of_a_local_run_follows_namespace_name_and_storage():
    same, moved = body(), body(storage={"uri": "file:///elsewhere"})
    named = body()
    named["metadata"]["namespace"] = "other"
    uids = {parse_run(document).uid for document in (same, body(seed=5), moved, named)}
    assert parse_run(same).uid == parse_run(body(seed=5)).uid
    assert len(uids) == 3
