"""The end of a Pod is acted on at once, what people may wait for soon, and bookkeeping later."""

from __future__ import annotations

from typing import Any

import pytest
from unit_operator.builders import KUBERNETES, a_job, a_manifest, a_pod, a_run, ended, running

from collectiverun_operator.controller.urgency import AT_ONCE, LATER_SECONDS, SOON_SECONDS, patience

S3 = {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "s3"}}}
TERMINATING = {"deletionTimestamp": "2026-01-31T12:00:00Z"}


def job(suspend: bool = False, metadata: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    run = a_run(platform=KUBERNETES, metadata={"uid": "run-uid", "namespace": "team"}, storage=S3)
    found = a_job(a_manifest(run, "experts"), **status)
    found["spec"]["suspend"] = suspend
    found["metadata"] |= metadata or {}
    return found


def pod(metadata: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    found = a_pod(job(), **status)
    found["metadata"] |= metadata or {}
    return found


def waiting(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "trainer", "state": {"waiting": {"reason": reason}}}]}


def condition(type_: str, status: str = "True") -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": status, "reason": "Unschedulable"}]}


@pytest.mark.parametrize("body", [pod(**ended(0)), pod(**ended(1)), pod(TERMINATING, **ended(143))])
def test_a_pod_that_ended_is_acted_on_at_once(body: dict[str, Any]) -> None:
    assert patience("Pod", body, is_gone=False) == AT_ONCE


@pytest.mark.parametrize(
    "body",
    [
        pod(**running()),
        pod(**waiting("ErrImagePull")),
        pod(**condition("PodScheduled", "False")),
        pod(TERMINATING),
    ],
)
def test_what_people_want_to_see_of_a_pod_comes_soon(body: dict[str, Any]) -> None:
    assert patience("Pod", body, is_gone=False) == SOON_SECONDS


@pytest.mark.parametrize("body", [job(suspend=True), job(metadata=TERMINATING), job(**condition("Failed"))])
def test_a_job_that_is_held_or_goes_or_failed_is_looked_at_soon(body: dict[str, Any]) -> None:
    assert patience("Job", body, is_gone=False) == SOON_SECONDS


def test_what_is_gone_and_had_not_ended_makes_room_soon() -> None:
    assert patience("Pod", pod(**running()), is_gone=True) == SOON_SECONDS
    assert patience("Job", job(), is_gone=True) == SOON_SECONDS


def test_what_begins_is_waited_for_until_it_runs() -> None:
    assert patience("Job", job(), is_gone=False) == LATER_SECONDS
    assert patience("Pod", pod(), is_gone=False) == LATER_SECONDS
    assert patience("Pod", pod(**waiting("ContainerCreating")), is_gone=False) == LATER_SECONDS


def test_what_is_over_keeps_nobody_waiting() -> None:
    assert patience("Job", job(**condition("Complete")), is_gone=False) == LATER_SECONDS
    assert patience("Job", job(**condition("Complete")), is_gone=True) == LATER_SECONDS
    assert patience("Pod", pod(**ended(0)), is_gone=True) == LATER_SECONDS
