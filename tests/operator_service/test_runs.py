"""The operator takes runs: Jobs come, the status follows what happens to them, and idle means no writes."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from operator_service.operator_processes import log_documents, new_operator, requests_of, samples
from support.namespace import Namespace
from support.reported_pods import fail_pod, start_pod, succeed_pod
from support.run_bodies import run_body
from testbed.cluster.operator_process import OperatorProcess
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(900)

WRITES = ("create", "update", "patch", "delete", "deletecollection")
# The Job controller's own, until it has counted the Pod.
JOB_TRACKING = "batch.kubernetes.io/job-tracking"


def requests_since(moment: float, namespace: Namespace) -> list[tuple[str, str]]:
    requests = requests_of("collectiverun-operator", namespace, since=moment)
    return [(request.verb, request.resource) for request in requests]


def age_of_last_event(operator: OperatorProcess, kind: str) -> float:
    return samples(operator)[f'collectiverun_watch_last_event_age_seconds{{kind="{kind}"}}']


def retries_in_log(operator: OperatorProcess) -> list[dict[str, Any]]:
    return [line for line in log_documents(operator) if "MemberRetried" in line["message"]]


def test_a_run_becomes_jobs_and_its_status_follows_their_pods(namespace: Namespace) -> None:
    with new_operator(namespace).start():
        run = namespace.apply_run(run_body())
        run.wait_for_pod(state="Pending")
        assert run.state == "Pending"
        pod = start_pod(run)
        run.wait_for_state("Running")
        succeed_pod(run, pod)
        run.wait(lambda status: status["currentPhase"] == "trajectoryTransformer", "the next phase")
        (expert,) = run.phase("experts")["members"]
        assert (expert["state"], expert["podUid"]) == ("Succeeded", pod["metadata"]["uid"])
        told = run.wait_for_events("Accepted", "PhaseStarted", "PhaseStarted", "PhaseSucceeded")
    assert [told.count(reason) for reason in ("Accepted", "PhaseStarted", "PhaseSucceeded")] == [1, 2, 1]


def test_a_failed_pod_is_tried_again_and_said_so_once(namespace: Namespace) -> None:
    with new_operator(namespace).start():
        run = namespace.apply_run(run_body(runPolicy={"retries": {"backoffSeconds": 1}}))
        fail_pod(run, 1, "boom")
        start_pod(run, attempt=2)
        run.wait_for_state("Running")
        said = run.wait_for_event("MemberRetried")
    assert "application retry 1" in said
    assert "boom" in said


def test_nothing_is_written_while_nothing_happens(namespace: Namespace) -> None:
    with new_operator(namespace).start():
        run = namespace.apply_run(run_body())
        start_pod(run)
        run.wait_for_state("Running")
        run.wait_for_events("Accepted", "PhaseStarted")
        moment, version = time.time(), run.document["metadata"]["resourceVersion"]
        # Long enough for figures to be looked at and for two fresh lists to be planned from.
        eventually(lambda: requests_since(moment, namespace).count(("list", "pods")) >= 3)
        eventually(lambda: ("patch", "leases") in requests_since(moment, namespace))
        written = {what for verb, what in requests_since(moment, namespace) if verb in WRITES}
        assert run.document["metadata"]["resourceVersion"] == version
    assert written == {"leases"}


def test_no_trace_of_kopf_is_left_on_any_object(namespace: Namespace) -> None:
    with new_operator(namespace).start():
        run = namespace.apply_run(run_body())
        start_pod(run)
        run.wait_for_state("Running")
        pods = namespace.list("pods")
        others = [run.document, *namespace.list("jobs")]
        eventually(lambda: requests_of("kopf", namespace), "kopf in the audit log, unless by another name")
        assert {request.verb for request in requests_of("kopf", namespace)} <= {"list", "watch"}
    assert [pod["metadata"]["finalizers"] for pod in pods] == [[JOB_TRACKING]]
    assert not [body for body in others if "finalizers" in body["metadata"]]
    assert "kopf" not in str([*pods, *others])


def test_a_deleted_run_takes_its_jobs_with_it(namespace: Namespace) -> None:
    with new_operator(namespace).start() as operator:
        run = namespace.apply_run(run_body())
        start_pod(run)
        eventually(lambda: samples(operator).get('collectiverun_runs{state="Running"}') == 1)
        namespace.kubectl("delete", "collectiverun", "demo")
        eventually(lambda: not namespace.list("jobs"))
        eventually(lambda: 'collectiverun_runs{state="Running"}' not in samples(operator))


def test_the_metrics_of_a_round_are_there(namespace: Namespace) -> None:
    with new_operator(namespace).start() as operator:
        run = namespace.apply_run(run_body())
        run.wait_for_pod(state="Pending")
        began = time.monotonic()
        start_pod(run)
        eventually(lambda: samples(operator).get('collectiverun_runs{state="Running"}') == 1)
        # A round is counted when it is over, after what it did can be seen.
        eventually(lambda: samples(operator)['collectiverun_reconcile_seconds_count{result="ok"}'] >= 2)
        assert samples(operator)['collectiverun_api_requests_total{code="201",verb="create"}'] >= 1
        eventually(lambda: samples(operator)["collectiverun_queue_oldest_seconds"] == 0)
        # No older than what the kubelet just reported: the watch has told of that.
        eventually(lambda: age_of_last_event(operator, "Pod") <= time.monotonic() - began)


def test_the_log_says_run_phase_and_member(namespace: Namespace) -> None:
    with new_operator(namespace).start() as operator:
        run = namespace.apply_run(run_body(runPolicy={"retries": {"backoffSeconds": 1}}))
        fail_pod(run, 1, "boom")
        eventually(lambda: retries_in_log(operator))
        (line,) = retries_in_log(operator)
    said = {key: line[key] for key in ("namespace", "run", "phase", "member")}
    expected = {
        "namespace": namespace.name,
        "run": "demo",
        "phase": "experts",
        "member": "reach-v3-sawyer",
    }
    assert said == expected


def test_two_operators_at_once_make_no_job_twice_and_tell_nothing_twice(namespace: Namespace) -> None:
    names = [f"run-{number}" for number in range(4)]
    with new_operator(namespace).start(), new_operator(namespace).start():
        runs = [namespace.apply_run(run_body(name)) for name in names]
        for run in runs:
            start_pod(run)
        eventually(lambda: [run.state for run in runs] == ["Running"] * 4)
        made = Counter(job["metadata"]["labels"]["collectiverl.io/run"] for job in namespace.list("jobs"))
        told = [run.wait_for_events("Accepted", "PhaseStarted") for run in runs]
    assert made == Counter(names)
    assert [sorted(reasons) for reasons in told] == [["Accepted", "PhaseStarted"]] * 4
