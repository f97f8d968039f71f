"""Runs on a real API server: the status is replaced as a whole, by whoever read the run last."""

from __future__ import annotations

import logging

import pytest
from kubernetes_cluster.scene import Stage, Theatre

from collectiverun_operator.cluster.kubernetes import paths as paths
from collectiverun_operator.cluster.kubernetes.cluster import LISTED
from collectiverun_operator.errors import ClusterError, ConflictError

STATUS = {"state": "Running", "progress": "0/4", "phases": [], "conditions": [], "specHash": "a"}


def without(field):
    return {key: value for key, value in STATUS.items() if key != field}


def test_a_status_is_replaced_as_a_whole(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        written = await stage.cluster.write_status(run, STATUS)
        again = await stage.cluster.write_status(written, without("progress"))
        assert "progress" not in again["status"]
        assert (await stage.cluster.run(stage.namespace, "demo"))["status"] == again["status"]

    theatre.play(scene)


def test_a_status_leaves_spec_and_generation_alone(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        written = await stage.cluster.write_status({**run, "spec": {"seed": 77}}, STATUS)
        assert written["spec"] == run["spec"]
        assert written["metadata"]["generation"] == run["metadata"]["generation"]

    theatre.play(scene)


def test_of_two_operators_that_read_the_same_run_one_writes(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        await stage.cluster.write_status(run, STATUS)
        with pytest.raises(ConflictError):
            await stage.cluster.write_status(run, without("progress"))
        assert (await stage.cluster.run(stage.namespace, "demo"))["status"]["progress"] == "0/4"

    theatre.play(scene)


def test_a_run_that_was_changed_since_it_was_read_is_not_written(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        await stage.change(paths.run(stage.namespace, "demo"), {"spec": {"suspend": True}})
        with pytest.raises(ConflictError):
            await stage.cluster.write_status(run, STATUS)

    theatre.play(scene)


def test_writing_to_a_run_that_is_gone_is_a_conflict(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        await stage.cluster.delete_run(run)
        with pytest.raises(ConflictError):
            await stage.cluster.write_status(run, STATUS)
        await stage.make_run()
        with pytest.raises(ConflictError):
            await stage.cluster.write_status(run, STATUS)

    theatre.play(scene)


def test_another_run_of_the_same_name_is_not_deleted(theatre: Theatre):
    async def scene(stage: Stage):
        first = await stage.make_run()
        await stage.cluster.delete_run(first)
        await stage.cluster.delete_run(first)
        second = await stage.make_run()
        await stage.cluster.delete_run(first)
        left = await stage.cluster.run(stage.namespace, "demo")
        assert left["metadata"]["uid"] == second["metadata"]["uid"]

    theatre.play(scene)


def test_a_run_that_is_not_there_is_none(theatre: Theatre):
    async def scene(stage: Stage):
        assert await stage.cluster.run(stage.namespace, "nobody") is None

    theatre.play(scene)


@pytest.mark.parametrize("kind", LISTED)
def test_what_may_be_listed_may_be_looked_at_in_a_namespace_and_in_all(theatre: Theatre, kind):
    async def scene(stage: Stage):
        await stage.cluster.look(kind, stage.namespace)
        await stage.cluster.look(kind)
        assert stage.requests == [("list", 200)] * 2

    theatre.play(scene)


def test_an_event_says_which_run_it_is_about_and_who_said_it(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        await stage.cluster.events.post(run, "Warning", "MemberRetried", "x" * 5000)
        (event,) = (await stage.admin.send("list", paths.events(stage.namespace)))["items"]
        assert event["involvedObject"]["uid"] == run["metadata"]["uid"]
        assert (event["type"], event["reason"]) == ("Warning", "MemberRetried")
        assert event["reportingComponent"] == event["source"]["component"] == "collectiverun-operator"
        assert len(event["message"]) == 1024

    theatre.play(scene)


def test_an_event_that_can_not_be_posted_is_logged_and_stops_nothing(theatre: Theatre, caplog):
    async def scene(stage: Stage):
        run = {"metadata": {"name": "demo", "namespace": "no-such-namespace", "uid": "u"}}
        with caplog.at_level(logging.WARNING):
            await stage.cluster.events.post(run, "Normal", "Accepted", "the spec is valid")

    theatre.play(scene)
    assert "the spec is valid" in caplog.text
    assert "no-such-namespace" in caplog.text


def test_a_lease_is_renewed_and_one_that_is_missing_is_told_with_a_way_out(theatre: Theatre):
    async def scene(stage: Stage):
        path = paths.lease(stage.namespace, "canary")
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "canary"}}
        await stage.admin.send("create", path.rsplit("/", 1)[0], body=lease)
        times = []
        for _ in range(2):
            await stage.cluster.renew_lease(stage.namespace, "canary")
            times.append((await stage.admin.send("get", path))["spec"]["renewTime"])
        assert times[0] < times[1]
        with pytest.raises(ClusterError, match=f"Lease {stage.namespace}/nothing does not exist.*chart"):
            await stage.cluster.renew_lease(stage.namespace, "nothing")

    theatre.play(scene)
