"""What goes wrong with one run is said on that run, once, and keeps no other waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from operator_service.workplace import Workplace
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


def spoil_status(workplace: Workplace, name: str) -> None:
    """A status no version of the operator wrote, though the API server takes it."""
    patch = json.dumps({"status": {"specHash": "0000", "phases": [{"name": "experts", "state": "Running"}]}})
    workplace.kubectl("patch", "collectiverun", name, "--subresource=status", "--type=merge", "-p", patch)


def let_it_look(workplace: Workplace, name: str) -> None:
    """Touch the run until the operator has been through with a whole round for it that began after that.

    A round reads the run first, and one follows the other: it was through when the run was read once more.
    The read that is seen first may be of a round that began before.
    """
    for value in ("once", "again", "once-more"):
        moment = workplace.moment()
        workplace.kubectl("label", "collectiverun", name, f"touched={value}", "--overwrite")
        eventually(lambda: ("get", "collectiveruns") in workplace.requests(since=moment, name=name))  # noqa: B023


@contextmanager
def finalizer(workplace: Workplace) -> Iterator[None]:
    """Somebody's finalizer holds the run as long as this lasts; not longer, or its definition can't go."""
    set_finalizers(workplace, "tests.collectiverl.io/hold")
    try:
        yield
    finally:
        set_finalizers(workplace)


def set_finalizers(workplace: Workplace, *names: str) -> None:
    patch = json.dumps({"metadata": {"finalizers": names}})
    workplace.kubectl("patch", "collectiverun", "demo", "--type=merge", "-p", patch)


def forbids_jobs(workplace: Workplace) -> bool:
    """Whether the quota counts, and is obeyed: the API server goes by what it has heard of quotas."""
    (quota,) = workplace.items("resourcequotas")
    tried = workplace.does("create", "job", "probe", "--image=none", "--dry-run=server")
    return bool(quota.get("status", {}).get("hard")) and not tried


def test_a_status_that_cannot_be_read_is_told_once_and_others_go_on(workplace: Workplace) -> None:
    workplace.make_run("spoilt")
    spoil_status(workplace, "spoilt")
    with workplace.operator().start():
        workplace.make_run("sound")
        workplace.begin(workplace.pod("sound"))
        eventually(lambda: workplace.state("sound") == "Running")
        eventually(lambda: workplace.reasons("spoilt") == ["UnreadableStatus"])
        let_it_look(workplace, "spoilt")
        assert workplace.reasons("spoilt") == ["UnreadableStatus"]
        assert not [job for job in workplace.items("jobs") if "spoilt" in job["metadata"]["name"]]


def test_jobs_that_a_quota_forbids_are_told_and_made_when_it_is_lifted(workplace: Workplace) -> None:
    workplace.apply(NO_JOBS)
    eventually(lambda: forbids_jobs(workplace), "a quota that the API server goes by")
    with workplace.operator().start():
        workplace.make_run()
        assert "exceeded quota: no-jobs" in workplace.message("RequestRefused")
        told = workplace.told("demo", "Accepted", "PhaseStarted")
        assert (told.count("Accepted"), told.count("PhaseStarted")) == (1, 1)
        workplace.kubectl("delete", "resourcequota", "no-jobs")
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")


def test_a_name_that_another_owner_has_is_waited_for(workplace: Workplace) -> None:
    workplace.make_run(suspend=True)
    body = workplace.run()
    name = job_name(parse_run(body, KUBERNETES), phase_named("experts"), "reach-v3-sawyer", 1)
    workplace.kubectl("create", "job", name, "--image=other")
    with workplace.operator().start():
        eventually(lambda: workplace.state() == "Suspended")
        workplace.kubectl(
            "patch", "collectiverun", "demo", "--type=merge", "-p", '{"spec": {"suspend": false}}'
        )
        assert name in workplace.message("RequestRefused")
        workplace.kubectl("delete", "job", name)
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")


def test_a_run_being_deleted_in_the_foreground_begins_nothing_anew(workplace: Workplace) -> None:
    with workplace.operator().start():
        # Without a back-off: else nothing were begun for a while, whoever asked for it.
        workplace.make_run(runPolicy={"retries": {"backoffSeconds": 0, "maxBackoffSeconds": 0}})
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")
        with finalizer(workplace):
            workplace.kubectl("delete", "collectiverun", "demo", "--wait=false")
            (job,) = workplace.items("jobs")
            workplace.kubectl("delete", "job", job["metadata"]["name"], "--cascade=foreground")
            let_it_look(workplace, "demo")
            assert not workplace.items("jobs")
