"""Whose failure it was: the program's, the infrastructure's, or nobody's."""

import json

import pytest
from unit_operator.builders import DIGEST, a_result, disrupted, ended, running

from collectiverun_operator.api.outcome import Active, Failed, Succeeded, Success
from collectiverun_operator.api.pod_outcome import pod_outcome

URI = "file:///root/experts/a/attempt-1/pod"

FAILURES = {
    "a crash": (ended(1), "application", "Error"),
    "out of memory": (ended(137, reason="OOMKilled"), "application", "OOMKilled"),
    "a bare 137": (ended(137), "application", "Error"),
    "a usage error": (ended(2), "application", "Error"),
    "a crash that explains itself": (
        ended(1, json.dumps({"reason": "Diverged", "message": "loss is nan"})),
        "application",
        "Diverged",
    ),
    "invalid configuration": (ended(3), "fatal", "InvalidConfiguration"),
    "an input missing": (ended(4, json.dumps({"reason": "InputInvalid"})), "fatal", "InputInvalid"),
    "storage away": (ended(5), "infrastructure", "StorageUnavailable"),
    "stopped after a checkpoint": (ended(143), "infrastructure", "Stopped"),
    "preempted": (
        ended(143, **disrupted("PreemptionByScheduler")),
        "infrastructure",
        "PreemptionByScheduler",
    ),
    "preempted, though out of memory": (
        ended(137, reason="OOMKilled", **disrupted("PreemptionByScheduler")),
        "infrastructure",
        "PreemptionByScheduler",
    ),
    "evicted": ({"phase": "Failed", "reason": "Evicted"}, "infrastructure", "Evicted"),
    "the node shut down": (
        ended(137, reason="Terminated") | {"reason": "Terminated"},
        "infrastructure",
        "Terminated",
    ),
    "the node lost": ({"phase": "Failed", "reason": "NodeLost"}, "infrastructure", "NodeLost"),
    "no room on the node": ({"phase": "Failed", "reason": "OutOfcpu"}, "infrastructure", "OutOfcpu"),
    "refused by the node": (
        {"phase": "Failed", "reason": "UnexpectedAdmissionError"},
        "infrastructure",
        "UnexpectedAdmissionError",
    ),
    "failed without a container": ({"phase": "Failed"}, "infrastructure", "NeverStarted"),
    "a container that could not start": (ended(128, reason="StartError"), "infrastructure", "StartError"),
    "the driver lost": (ended(137, **disrupted("DriverLost")), "stopped", "DriverLost"),
    "success without a result": (ended(0), "application", "ResultMissing"),
    "success without a result, drained": (
        ended(0, **disrupted("EvictionByEvictionAPI")),
        "infrastructure",
        "EvictionByEvictionAPI",
    ),
    "success with half a result": (ended(0, '{"uri": "file:///x", "manif'), "application", "ResultMissing"),
    "success without a digest": (
        ended(0, json.dumps({"uri": URI, "manifestSha256": "short"})),
        "application",
        "ResultMissing",
    ),
}


@pytest.mark.parametrize(("status", "kind", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_has_a_kind_and_a_reason(status, kind, reason):
    outcome = pod_outcome({"status": status})
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.reason) == (kind, reason)


def test_a_failure_tells_its_exit_code_and_the_programs_words():
    words = json.dumps({"reason": "Diverged", "message": "loss is nan"})
    outcome = pod_outcome({"status": ended(1, words)})
    assert (outcome.exit_code, outcome.message) == (1, "loss is nan")


def test_a_long_message_keeps_its_end():
    outcome = pod_outcome({"status": ended(1, "x" * 5000 + "the end")})
    assert len(outcome.message) == 1024
    assert outcome.message.endswith("the end")


@pytest.mark.parametrize(
    "status",
    [
        ended(0, a_result(URI)),
        ended(0, a_result(URI), **disrupted("DriverLost")),
        ended(0, f"noise\n{a_result(URI)}"),
    ],
    ids=["plain", "though disrupted", "after other lines"],
)
def test_an_artifact_is_a_success_whatever_else_happened(status):
    outcome = pod_outcome({"status": status})
    assert isinstance(outcome, Succeeded)
    assert (outcome.result.uri, outcome.result.manifest_sha256) == (URI, DIGEST)
    assert (outcome.result.success, outcome.result.env_steps) == (Success(0.9, 0.8), 1000)


@pytest.mark.parametrize(
    ("figures", "read"),
    [
        ({"success": {"anyStep": 1, "atEnd": 0}}, Success(1.0, 0.0)),
        ({"success": {"anyStep": 2, "atEnd": 0}}, None),
        ({"success": {"anyStep": "1", "atEnd": 0}}, None),
        ({"success": {"anyStep": True, "atEnd": 0}}, None),
        ({"success": [1, 0]}, None),
        ({"success": {"anyStep": 0.5}}, None),
    ],
)
def test_figures_that_are_none_are_left_out(figures, read):
    assert pod_outcome({"status": ended(0, a_result(URI, **figures))}).result.success == read


def waiting(reason, message=""):
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "trainer", "state": state}]}


ACTIVE = {
    "no status yet": ({}, Active("Pending")),
    "not scheduled": (
        {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no GPU"}
            ],
        },
        Active("Pending", "Unschedulable: no GPU"),
    ),
    "no image": (waiting("ImagePullBackOff"), Active("Pending", "ImagePullBackOff")),
    "another container runs": (
        {"phase": "Running", "containerStatuses": [{"name": "side", "state": {"running": {}}}]},
        Active("Pending"),
    ),
    "it runs": (running(), Active("Running")),
    "it runs and is preempted": (
        running() | disrupted("PreemptionByScheduler"),
        Active("Running", disruption="PreemptionByScheduler"),
    ),
}


@pytest.mark.parametrize(("status", "expected"), ACTIVE.values(), ids=ACTIVE.keys())
def test_a_pod_that_has_not_ended_is_pending_until_its_trainer_runs(status, expected):
    assert pod_outcome({"status": status}) == expected


def test_a_trainer_that_ended_counts_though_another_container_goes_on():
    status = ended(0, a_result(URI)) | {"phase": "Running"}
    assert isinstance(pod_outcome({"status": status}), Succeeded)
