"""What goes wrong with one run is said on that run, once, and keeps no other waiting."""

from __future__ import annotations

import json

from operator_service.workplace import Workplace
from unit_operator.builders import KUBERNETES, phase_named
from waiting import eventually

from collectiverun_operator.jobs import job_name
from collectiverun_operator.resource import parse_run

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


def test_a_status_that_cannot_be_read_is_told_once_and_others_go_on(workplace: Workplace) -> None:
    workplace.make_run("spoilt")
    spoil_status(workplace, "spoilt")
    with workplace.operator().start():
        workplace.make_run("sound")
        workplace.begin(workplace.pod("sound"))
        eventually(lambda: workplace.state("sound") == "Running")
        eventually(lambda: workplace.reasons("spoilt") == ["UnreadableStatus"])
        gets = workplace.requests().count(("get", "collectiveruns"))
        workplace.kubectl("label", "collectiverun", "spoilt", "touched=yes")
        eventually(lambda: workplace.requests().count(("get", "collectiveruns")) > gets + 2)
        assert workplace.reasons("spoilt") == ["UnreadableStatus"]
        assert not [job for job in workplace.items("jobs") if "spoilt" in job["metadata"]["name"]]


def test_jobs_that_a_quota_forbids_are_told_and_made_when_it_is_lifted(workplace: Workplace) -> None:
    workplace.apply(NO_JOBS)
    eventually(lambda: workplace.items("resourcequotas")[0].get("status", {}).get("hard"))
    with workplace.operator().start():
        workplace.make_run()
        eventually(lambda: "RequestRefused" in workplace.reasons())
        (said,) = [message for _, reason, message in workplace.events() if reason == "RequestRefused"]
        assert "exceeded quota: no-jobs" in said
        told = workplace.reasons()
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
        eventually(lambda: "RequestRefused" in workplace.reasons())
        (said,) = [message for _, reason, message in workplace.events() if reason == "RequestRefused"]
        assert name in said
        workplace.kubectl("delete", "job", name)
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")


def test_a_run_being_deleted_in_the_foreground_begins_nothing_anew(workplace: Workplace) -> None:
    with workplace.operator().start():
        workplace.make_run()
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")
        patch = '{"metadata": {"finalizers": ["tests.collectiverl.io/hold"]}}'
        workplace.kubectl("patch", "collectiverun", "demo", "--type=merge", "-p", patch)
        workplace.kubectl("delete", "collectiverun", "demo", "--wait=false")
        (job,) = workplace.items("jobs")
        workplace.kubectl("delete", "job", job["metadata"]["name"], "--cascade=foreground")
        gets = workplace.requests().count(("get", "collectiveruns"))
        workplace.kubectl("label", "collectiverun", "demo", "touched=yes")
        eventually(lambda: workplace.requests().count(("get", "collectiveruns")) > gets)
        assert not workplace.items("jobs")
        workplace.kubectl(
            "patch", "collectiverun", "demo", "--type=merge", "-p", '{"metadata": {"finalizers": []}}'
        )
