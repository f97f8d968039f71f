"""The operator takes runs: Jobs come, the status follows what happens to them, and idle means no writes."""

from __future__ import annotations

import json
from collections import Counter

from operator_service.operators import samples
from operator_service.workplace import Workplace
from waiting import eventually

WRITES = ("create", "update", "patch", "delete", "deletecollection")


def states_of(workplace: Workplace, *names: str) -> list[str]:
    return [workplace.state(name) for name in names]


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
        told = workplace.reasons()
    assert [told.count(reason) for reason in ("Accepted", "PhaseStarted", "PhaseSucceeded")] == [1, 2, 1]


def test_a_failed_pod_is_tried_again_and_said_so_once(workplace: Workplace) -> None:
    with workplace.operator().start():
        workplace.make_run(runPolicy={"retries": {"backoffSeconds": 1}})
        workplace.fail(workplace.pod(), 1, "boom")
        workplace.begin(workplace.pod(attempt=2))
        eventually(lambda: workplace.state() == "Running")
        (said,) = [message for _, reason, message in workplace.events() if reason == "MemberRetried"]
    assert "application retry 1" in said
    assert "boom" in said


def test_nothing_is_written_while_nothing_happens(workplace: Workplace) -> None:
    with workplace.operator().start():
        workplace.make_run()
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")
        eventually(lambda: workplace.requests().count(("list", "pods")) >= 1)
        before, version = workplace.requests(), workplace.run()["metadata"]["resourceVersion"]
        lists = before.count(("list", "pods"))
        # Long enough for figures to be looked at and for two fresh lists to be planned from.
        eventually(lambda: workplace.requests().count(("list", "pods")) >= lists + 2)
        since = workplace.requests()[len(before) :]
        assert workplace.run()["metadata"]["resourceVersion"] == version
    written = {what for verb, what in since if verb in WRITES}
    assert written == {"leases"}


def test_no_trace_of_kopf_is_left_on_any_object(workplace: Workplace) -> None:
    with workplace.operator().start():
        workplace.make_run()
        workplace.begin(workplace.pod())
        eventually(lambda: workplace.state() == "Running")
        found = [workplace.run(), *workplace.items("jobs"), *workplace.items("pods")]
        assert workplace.requests("kopf"), "the audit log knows kopf by another name"
        assert {verb for verb, _ in workplace.requests("kopf")} <= {"list", "watch"}
    for body in found:
        assert "finalizers" not in body["metadata"]
        assert "kopf" not in str(body)


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
        workplace.begin(workplace.pod())
        eventually(lambda: samples(operator).get('collectiverun_runs{state="Running"}') == 1)
        found = samples(operator)
    assert found['collectiverun_reconcile_seconds_count{result="ok"}'] >= 2
    assert found['collectiverun_api_requests_total{code="201",verb="create"}'] >= 1
    assert found["collectiverun_queue_oldest_seconds"] < 10
    assert found['collectiverun_watch_last_event_age_seconds{kind="Pod"}'] < 120


def test_the_log_says_run_phase_and_member(workplace: Workplace) -> None:
    with workplace.operator().start() as operator:
        workplace.make_run(runPolicy={"retries": {"backoffSeconds": 1}})
        workplace.fail(workplace.pod(), 1, "boom")
        eventually(lambda: "MemberRetried" in operator.log)
        lines = [json.loads(line) for line in operator.log.splitlines()]
    (line,) = [line for line in lines if "MemberRetried" in line["message"]]
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
        told = [workplace.reasons(name) for name in names]
    assert made == Counter(names)
    assert [sorted(reasons) for reasons in told] == [["Accepted", "PhaseStarted"]] * 4
