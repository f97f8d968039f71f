"""Runs on a real API server: the status is replaced as a whole, by whoever read the run last."""

from __future__ import annotations

import logging

import pytest
from kubernetes_cluster.unscheduled_runs import create_run

from collectiverun_operator.cluster.kubernetes.cluster import LISTED
from collectiverun_operator.errors import ClusterError, ConflictError

STATUS = {"state": "Running", "progress": "0/4", "phases": [], "conditions": [], "specHash": "a"}


def without(field):
    return {key: value for key, value in STATUS.items() if key != field}


def test_a_status_is_replaced_as_a_whole(namespace, cluster):
    run = create_run(namespace)
    written = cluster.write_status(run, STATUS)
    again = cluster.write_status(written, without("progress"))
    assert "progress" not in again["status"]
    assert cluster.run(namespace.name, "demo")["status"] == again["status"]


def test_a_status_leaves_spec_and_generation_alone(namespace, cluster):
    run = create_run(namespace)
    written = cluster.write_status({**run, "spec": {"seed": 77}}, STATUS)
    assert cluster.run(namespace.name, "demo")["spec"] == run["spec"]
    assert written["metadata"]["generation"] == run["metadata"]["generation"]


def test_of_two_operators_that_read_the_same_run_one_writes(namespace, cluster):
    run = create_run(namespace)
    cluster.write_status(run, STATUS)
    with pytest.raises(ConflictError):
        cluster.write_status(run, without("progress"))
    assert cluster.run(namespace.name, "demo")["status"]["progress"] == "0/4"


def test_a_run_that_was_changed_since_it_was_read_is_not_written(namespace, cluster):
    run = create_run(namespace)
    namespace.patch("collectiveruns", "demo", {"spec": {"suspend": True}})
    with pytest.raises(ConflictError):
        cluster.write_status(run, STATUS)


def test_writing_to_a_run_that_is_gone_is_a_conflict(namespace, cluster):
    run = create_run(namespace)
    cluster.delete_run(run)
    with pytest.raises(ConflictError):
        cluster.write_status(run, STATUS)
    create_run(namespace)
    with pytest.raises(ConflictError):
        cluster.write_status(run, STATUS)


def test_another_run_of_the_same_name_is_not_deleted(namespace, cluster):
    first = create_run(namespace)
    cluster.delete_run(first)
    cluster.delete_run(first)
    second = create_run(namespace)
    cluster.delete_run(first)
    left = cluster.run(namespace.name, "demo")
    assert left["metadata"]["uid"] == second["metadata"]["uid"]


def test_a_run_that_is_not_there_is_none(namespace, cluster):
    assert cluster.run(namespace.name, "nobody") is None


@pytest.mark.parametrize("kind", LISTED)
def test_what_may_be_listed_may_be_looked_at_in_a_namespace_and_in_all(namespace, cluster, kind):
    cluster.look(kind, namespace.name)
    cluster.look(kind)
    assert cluster.requests == [("list", 200)] * 2


def post_event(cluster, *event):
    async def post():
        await cluster.awaitable.events.post(*event)

    cluster.result_of(post())


def test_an_event_says_which_run_it_is_about_and_who_said_it(namespace, cluster):
    run = create_run(namespace)
    post_event(cluster, run, "Warning", "MemberRetried", "x" * 5000)
    (event,) = namespace.list("events")
    assert event["involvedObject"]["uid"] == run["metadata"]["uid"]
    assert (event["type"], event["reason"]) == ("Warning", "MemberRetried")
    assert event["reportingComponent"] == event["source"]["component"] == "collectiverun-operator"
    assert len(event["message"]) == 1024


def test_an_event_that_can_not_be_posted_is_logged_and_stops_nothing(namespace, cluster, caplog):
    run = {"metadata": {"name": "demo", "namespace": "no-such-namespace", "uid": "u"}}
    with caplog.at_level(logging.WARNING):
        post_event(cluster, run, "Normal", "Accepted", "the spec is valid")
    assert "the spec is valid" in caplog.text
    assert "no-such-namespace" in caplog.text


def test_a_lease_is_renewed_and_one_that_is_missing_is_told_with_a_way_out(namespace, cluster):
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "canary"}}
    namespace.create_object("leases", lease)
    times = []
    for _ in range(2):
        cluster.renew_lease(namespace.name, "canary")
        times.append(namespace.get("leases", "canary")["spec"]["renewTime"])
    assert times[0] < times[1]
    with pytest.raises(ClusterError, match=f"Lease {namespace.name}/nothing does not exist.*chart"):
        cluster.renew_lease(namespace.name, "nothing")
