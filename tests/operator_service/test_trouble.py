"""What goes wrong with one run is said on that run, once, and keeps no other waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from operator_service.operator_processes import new_operator, requests_of
from support.live_run import LiveRun
from support.namespace import Namespace
from support.reported_pods import start_pod
from support.run_bodies import run_body
from testbed.waiting import eventually
from unit_operator.builders import KUBERNETES, phase_named

from collectiverun_operator.api.run import parse_run
from collectiverun_operator.jobs.manifest import job_name

pytestmark = pytest.mark.timeout(900)

NO_JOBS = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-jobs"},
    "spec": {"hard": {"count/jobs.batch": "0"}},
}


def force_reconciliation(run: LiveRun) -> None:
    """Touch the run until the operator has reconciled it as a whole after that.

    It reads the run first, and one reconciliation follows the other: it was through when the run was read
    once more. The read that is seen first may be of one that began before.
    """
    for value in ("once", "again", "once-more"):
        moment = time.time()
        run.namespace.patch("collectiveruns", run.name, {"metadata": {"labels": {"touched": value}}})
        eventually(lambda: was_read(run, moment))  # noqa: B023


def was_read(run: LiveRun, since: float) -> bool:
    """Whether the operator has read the run."""
    requests = requests_of("collectiverun-operator", run.namespace, since)
    read = ("get", "collectiveruns", run.name)
    return any((request.verb, request.resource, request.name) == read for request in requests)


@contextmanager
def finalizer(run: LiveRun) -> Iterator[None]:
    """Somebody's finalizer holds the run as long as this lasts; not longer, or the CRD can't go."""
    set_finalizers(run, "tests.collectiverl.io/hold")
    try:
        yield
    finally:
        set_finalizers(run)


def set_finalizers(run: LiveRun, *names: str) -> None:
    run.namespace.patch("collectiveruns", run.name, {"metadata": {"finalizers": names}})


def reasons(run: LiveRun) -> list[str]:
    """Reasons of the Events about it."""
    return [reason for reason, _ in run.events()]


def forbids_jobs(namespace: Namespace) -> bool:
    """Whether the quota counts, and is obeyed: the API server goes by what it has heard of quotas."""
    (quota,) = namespace.list("resourcequotas")
    tried = namespace.succeeds("create", "job", "probe", "--image=none", "--dry-run=server")
    return bool(quota.get("status", {}).get("hard")) and not tried


def test_a_status_that_cannot_be_read_is_told_once_and_others_go_on(namespace: Namespace) -> None:
    spoilt = namespace.apply_run(run_body("spoilt"))
    # One that no version of the operator wrote, though the API server takes it.
    status = {"specHash": "0000", "phases": [{"name": "experts", "state": "Running"}]}
    namespace.write_status("collectiveruns", "spoilt", status)
    with new_operator(namespace).start():
        sound = namespace.apply_run(run_body("sound"))
        start_pod(sound)
        sound.wait_for_state("Running")
        eventually(lambda: reasons(spoilt) == ["UnreadableStatus"])
        force_reconciliation(spoilt)
        assert reasons(spoilt) == ["UnreadableStatus"]
        assert not [job for job in namespace.list("jobs") if "spoilt" in job["metadata"]["name"]]


def test_jobs_that_a_quota_forbids_are_told_and_made_when_it_is_lifted(namespace: Namespace) -> None:
    namespace.apply(NO_JOBS)
    eventually(lambda: forbids_jobs(namespace), "a quota that the API server goes by")
    with new_operator(namespace).start():
        run = namespace.apply_run(run_body())
        assert "exceeded quota: no-jobs" in run.wait_for_event("RequestRefused")
        told = run.wait_for_events("Accepted", "PhaseStarted")
        assert (told.count("Accepted"), told.count("PhaseStarted")) == (1, 1)
        namespace.kubectl("delete", "resourcequota", "no-jobs")
        start_pod(run)
        run.wait_for_state("Running")


def test_a_name_that_another_owner_has_is_waited_for(namespace: Namespace) -> None:
    run = namespace.apply_run(run_body(suspend=True))
    name = job_name(parse_run(run.document, KUBERNETES), phase_named("experts"), "reach-v3-sawyer", 1)
    namespace.kubectl("create", "job", name, "--image=other")
    with new_operator(namespace).start():
        run.wait_for_state("Suspended")
        run.change(suspend=False)
        assert name in run.wait_for_event("RequestRefused")
        namespace.kubectl("delete", "job", name)
        start_pod(run)
        run.wait_for_state("Running")


def test_a_run_being_deleted_in_the_foreground_begins_nothing_anew(namespace: Namespace) -> None:
    with new_operator(namespace).start():
        # Without a back-off: else nothing were begun for a while, whoever asked for it.
        run = namespace.apply_run(
            run_body(runPolicy={"retries": {"backoffSeconds": 0, "maxBackoffSeconds": 0}})
        )
        start_pod(run)
        run.wait_for_state("Running")
        with finalizer(run):
            namespace.kubectl("delete", "collectiverun", "demo", "--wait=false")
            (job,) = namespace.list("jobs")
            namespace.kubectl("delete", "job", job["metadata"]["name"], "--cascade=foreground")
            force_reconciliation(run)
            assert not namespace.list("jobs")
