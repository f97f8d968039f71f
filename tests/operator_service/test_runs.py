"""The operator takes runs: Jobs come, the status follows what happens to them, and idle means no writes."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from operator_service.operators import log_documents, samples
from operator_service.workplace import Workplace
from testbed.cluster.operator_process import OperatorProcess
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(900)

WRITES = ("create", "update", "patch", "delete", "deletecollection")
# The Job controller's own, until it has counted the Pod.
JOB_TRACKING = "batch.kubernetes.io/job-tracking"


def states_of(workplace: Workplace, *names: str) -> list[str]:
    return [workplace.state(name) for name in names]


def age_of_last_event(operator: OperatorProcess, kind: str) -> float:
    return samples(operator)[f'collectiverun_watch_last_event_age_seconds{{kind="{kind}"}}']


def retries_in_log(operator: OperatorProcess) -> list[dict[str, Any]]:
    return [line for line in log_documents(operator) if "MemberRetried" in line["message"]]


def test_a_run_becomes_jobs_and_its_status_follows_their_pods(workplace: Workplace) -> None:
    with workplace.operator().start():
        workplace.make_run()
        pod = workplace.pod()
        assert workplace.state() == "Pending"
        workplace.begin(pod)
        eventually(lambda: workplace.state() == "Running")
        workplace.succeed(pod)
        eventually(lambda: workplace.run()["status"]["currentPhase"] == "trajectoryTransformer")
        (expert,) = workplace.run()["status"]["phases"][0]["members"]
        assert (expert["state"], expert["podUid"]) == ("Succeeded", pod["metadata"]["uid"])
        told = workplace.told("demo", "Accepted", "PhaseStarted", "PhaseStarted", "PhaseSucceeded")
    assert [told.count(reason) for reason in ("Accepted", "PhaseStarted", "PhaseSucceeded")] == [1, 2, 1]


def test_a_failed_pod_is_tried_again_and_said_so_once(workplace: Workplace) -> None:
    with workplace.operator().start():
        workplace.make_run(runPolicy={"retries": {"backoffSeconds": 1}})
        workplace.fail(workplace.pod(), 1, "boom")
        workplace.begin(workplace.pod(attempt=2))
        eventually(lambda: workplace.state() == "Running")
        said = workplace.message("MemberRetried")
    assert "application retry 1" in said
    assert "boom" in said


def test_nothing_is_written_while_nothing_happens(workplace: Workplace) -> None:
    with workplace.operator().start():
        workplace.make_run()
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")
        workplace.told("demo", "Accepted", "PhaseStarted")
        moment, version = workplace.moment(), workplace.run()["metadata"]["resourceVersion"]
        # Long enough for figures to be looked at and for two fresh lists to be planned from.
        eventually(lambda: workplace.requests(since=moment).count(("list", "pods")) >= 3)
        eventually(lambda: ("patch", "leases") in workplace.requests(since=moment))
        written = {what for verb, what in workplace.requests(since=moment) if verb in WRITES}
        assert workplace.run()["metadata"]["resourceVersion"] == version
    assert written == {"leases"}


def test_no_trace_of_kopf_is_left_on_any_object(workplace: Workplace) -> None:
    with workplace.operator().start():
        workplace.make_run()
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")
        pods = workplace.items("pods")
        others = [workplace.run(), *workplace.items("jobs")]
        eventually(lambda: workplace.requests("kopf"), "kopf in the audit log, unless by another name")
        assert {verb for verb, _ in workplace.requests("kopf")} <= {"list", "watch"}
    assert [pod["metadata"]["finalizers"] for pod in pods] == [[JOB_TRACKING]]
    assert not [body for body in others if "finalizers" in body["metadata"]]
    assert "kopf" not in str([*pods, *others])


def test_a_deleted_run_takes_its_jobs_with_it(workplace: Workplace) -> None:
    with workplace.operator().start() as operator:
        workplace.make_run()
        workplace.begin(workplace.pod())
        eventually(lambda: samples(operator).get('collectiverun_runs{state="Running"}') == 1)
        workplace.kubectl("delete", "collectiverun", "demo")
        eventually(lambda: not workplace.items("jobs"))
        eventually(lambda: 'collectiverun_runs{state="Running"}' not in samples(operator))


def test_the_metrics_of_a_round_are_there(workplace: Workplace) -> None:
    with workplace.operator().start() as operator:
        workplace.make_run()
        pod = workplace.pod()
        began = time.monotonic()
        workplace.begin(pod)
        eventually(lambda: samples(operator).get('collectiverun_runs{state="Running"}') == 1)
        # A round is counted when it is over, after what it did can be seen.
        eventually(lambda: samples(operator)['collectiverun_reconcile_seconds_count{result="ok"}'] >= 2)
        assert samples(operator)['collectiverun_api_requests_total{code="201",verb="create"}'] >= 1
        eventually(lambda: samples(operator)["collectiverun_queue_oldest_seconds"] == 0)
        # No older than what the kubelet just reported: the watch has told of that.
        eventually(lambda: age_of_last_event(operator, "Pod") <= time.monotonic() - began)


def test_the_log_says_run_phase_and_member(workplace: Workplace) -> None:
    with workplace.operator().start() as operator:
        workplace.make_run(runPolicy={"retries": {"backoffSeconds": 1}})
        workplace.fail(workplace.pod(), 1, "boom")
        eventually(lambda: retries_in_log(operator))
        (line,) = retries_in_log(operator)
    said = {key: line[key] for key in ("namespace", "run", "phase", "member")}
    expected = {
        "namespace": workplace.namespace,
        "run": "demo",
        "phase": "experts",
        "member": "reach-v3-sawyer",
    }
    assert said == expected


def test_two_operators_at_once_make_no_job_twice_and_tell_nothing_twice(workplace: Workplace) -> None:
    names = [f"run-{number}" for number in range(4)]
    with workplace.operator().start(), workplace.operator().start():
        for name in names:
            workplace.make_run(name)
        for name in names:
            workplace.begin(workplace.pod(name))
        eventually(lambda: states_of(workplace, *names) == ["Running"] * 4)
        made = Counter(job["metadata"]["labels"]["collectiverl.io/run"] for job in workplace.items("jobs"))
        told = [workplace.told(name, "Accepted", "PhaseStarted") for name in names]
    assert made == Counter(names)
    assert [sorted(reasons) for reasons in told] == [["Accepted", "PhaseStarted"]] * 4
