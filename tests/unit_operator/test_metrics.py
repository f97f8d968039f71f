"""Metrics: what Prometheus is told, without a series per run."""

from __future__ import annotations

from prometheus_client import generate_latest
from unit_operator.builders import NOON, later

from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.status import MemberStatus, PhaseStatus, RunStatus
from collectiverun_operator.api.status_fields import PhaseState
from collectiverun_operator.controller.metrics import Metrics


def exposed(metrics: Metrics) -> dict[str, float]:
    """Every sample as Prometheus reads it."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {name: float(value) for line in lines if line[0] != "#" for name, value in [line.rsplit(" ", 1)]}


def a_status(state: PhaseState, *, application: int = 0, infrastructure: int = 0) -> RunStatus:
    """A status with one phase of one member."""
    member = MemberStatus(name="m", application_retries=application, infrastructure_retries=infrastructure)
    completion_time = later(300) if state == "Succeeded" else None
    phase = PhaseStatus(
        name="experts", state=state, members=(member,), start_time=NOON, completion_time=completion_time
    )
    return RunStatus(phases=(phase,))


def test_spent_retries_are_counted_once() -> None:
    metrics = Metrics()
    statuses = [RunStatus(), a_status("Running"), a_status("Running", application=1, infrastructure=3)]
    for before, after in zip(statuses, [*statuses[1:], statuses[-1]], strict=True):
        metrics.count_transition(before, after)
    found = exposed(metrics)
    assert found['collectiverun_retries_total{kind="application",phase="experts"}'] == 1
    assert found['collectiverun_retries_total{kind="infrastructure",phase="experts"}'] == 3


def test_a_budget_given_back_counts_nothing() -> None:
    metrics = Metrics()
    metrics.count_transition(a_status("Failed", application=2), a_status("Running"))
    assert retries(metrics) == {0.0}


def test_retries_and_phases_are_there_before_the_first_so_that_it_is_seen_as_an_increase() -> None:
    metrics = Metrics()
    counts = {f'collectiverun_phase_seconds_count{{phase="{phase.name}"}}' for phase in PHASES}
    assert counts <= exposed(metrics).keys()
    assert retries(metrics) == {0.0}


def retries(metrics: Metrics) -> set[float]:
    """Values of all series of retries."""
    return {
        value for name, value in exposed(metrics).items() if name.startswith("collectiverun_retries_total")
    }


def test_a_phase_is_timed_when_it_succeeds_and_only_then() -> None:
    metrics = Metrics()
    metrics.count_transition(a_status("Running"), a_status("Succeeded"))
    metrics.count_transition(a_status("Succeeded"), a_status("Succeeded"))
    found = exposed(metrics)
    assert found['collectiverun_phase_seconds_count{phase="experts"}'] == 1
    assert found['collectiverun_phase_seconds_sum{phase="experts"}'] == 300


def test_states_and_the_queue_are_read_when_asked_for() -> None:
    metrics, states, depth = Metrics(), ["Running", "Running", "Failed"], 2.0
    metrics.watch_runs(lambda: states)
    metrics.watch_queue(lambda: depth, lambda: 7.5)
    found = exposed(metrics)
    assert found['collectiverun_runs{state="Running"}'] == 2
    assert (found["collectiverun_queue_depth"], found["collectiverun_queue_oldest_seconds"]) == (2, 7.5)
    states.remove("Failed")
    assert 'collectiverun_runs{state="Failed"}' not in exposed(metrics)


def test_the_age_of_the_last_event_grows_until_the_next() -> None:
    now = 100.0
    metrics = Metrics(clock=lambda: now)
    metrics.watch_events(["Job", "Pod"])
    now = 130.0
    metrics.record_event("Pod")
    now = 140.0
    found = exposed(metrics)
    assert found['collectiverun_watch_last_event_age_seconds{kind="Job"}'] == 40
    assert found['collectiverun_watch_last_event_age_seconds{kind="Pod"}'] == 10


def test_requests_are_counted_by_verb_and_code() -> None:
    metrics = Metrics()
    metrics.record_request("get", 200)
    metrics.record_request("get", 0)
    found = exposed(metrics)
    assert found['collectiverun_api_requests_total{code="200",verb="get"}'] == 1
    assert found['collectiverun_api_requests_total{code="0",verb="get"}'] == 1
