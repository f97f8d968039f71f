"""The outcome of a Pod, and the kind of its failure: of the program, of the infrastructure or of neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from collectiverun_operator.api.outcome import (
    MESSAGE_LIMIT,
    Active,
    Failed,
    FailureKind,
    Outcome,
    Succeeded,
)
from collectiverun_operator.api.pod_template import CONTAINER
from collectiverun_operator.api.trainer_report import read_report, read_result
from collectiverun_operator.formatting import parse_time
from collectiverun_operator.json_types import JSONObject

FATAL_EXIT_CODES = {3: "InvalidConfiguration", 4: "InputInvalid"}
INFRASTRUCTURE_EXIT_CODES = {5: "StorageUnavailable", 143: "Stopped"}
INFRASTRUCTURE_POD_REASONS = frozenset(
    {
        "Evicted",
        "NodeAffinity",
        "NodeLost",
        "NodeShutdown",
        "Preempting",
        "Shutdown",
        "Terminated",
        "UnexpectedAdmissionError",
    }
)
DRIVER_LOST = "DriverLost"
OUT_OF_MEMORY = "OOMKilled"


def pod_outcome(pod: JSONObject) -> Outcome:
    """The Pod's outcome, of its container `trainer`."""
    status = pod.get("status", {})
    state = _container_state(status)
    if not has_ended(pod):
        return _active(status, state)
    terminated = state.get("terminated") or {}
    report = read_report(terminated.get("message"))
    result = read_result(report) if terminated.get("exitCode") == 0 else None
    if result is not None:
        return Succeeded(result)
    failed = _failed(status, terminated, report)
    return _with_memory_limit(failed, pod) if failed.reason == OUT_OF_MEMORY else failed


def has_ended(pod: JSONObject) -> bool:
    """Whether the Pod's container will do nothing more."""
    status = pod.get("status") or {}
    return status.get("phase") in ("Succeeded", "Failed") or "terminated" in _container_state(status)


def _with_memory_limit(failed: Failed, pod: JSONObject) -> Failed:
    """The failure with what the container was allowed; the kernel leaves no other message."""
    limit = trainer_memory_limit(pod.get("spec", {}))
    if limit is None:
        text = "the node ran out of memory; the container has no memory limit"
    else:
        text = f"the container needed more than its memory limit of {limit}; raise resources.limits.memory"
    return replace(failed, message=": ".join(filter(None, (text, failed.message)))[:MESSAGE_LIMIT])


def trainer_memory_limit(spec: Mapping[str, Any]) -> object:
    """The memory limit in a Pod's spec of the container `trainer`, as it is written; None if it has none."""
    trainers = (entry for entry in spec.get("containers") or [] if entry.get("name") == CONTAINER)
    trainer: Mapping[str, Any] = next(trainers, {})
    return ((trainer.get("resources") or {}).get("limits") or {}).get("memory")


def trainer_start_time(pod: JSONObject) -> datetime | None:
    """When the container `trainer` started; None if it has not."""
    state = _container_state(pod.get("status", {}))
    begun = state.get("running") or state.get("terminated") or {}
    return parse_time(begun.get("startedAt"))


def trainer_finish_time(pod: JSONObject) -> datetime | None:
    """When the container `trainer` ended; None while it has not."""
    terminated = _container_state(pod.get("status", {})).get("terminated") or {}
    return parse_time(terminated.get("finishedAt"))


def is_finished(job: JSONObject) -> bool:
    """Whether a Job's controller calls it Complete or Failed."""
    conditions = job.get("status", {}).get("conditions") or []
    return any(c.get("type") in ("Complete", "Failed") and c.get("status") == "True" for c in conditions)


def _container_state(status: JSONObject) -> JSONObject:
    statuses = status.get("containerStatuses") or []
    trainer: JSONObject = next((entry for entry in statuses if entry.get("name") == CONTAINER), {})
    state: JSONObject = trainer.get("state") or {}
    return state


def _active(status: JSONObject, state: JSONObject) -> Active:
    disruption = _disruption(status) or ""
    if "running" in state:
        return Active("Running", disruption=disruption)
    waiting = _waiting_init_container(status) or state.get("waiting") or _unscheduled(status)
    words = (waiting.get("reason"), waiting.get("message"))
    return Active("Pending", ": ".join(word for word in words if word)[:MESSAGE_LIMIT], disruption)


def _waiting_init_container(status: JSONObject) -> JSONObject:
    """What an init container waits for, such as its image; the trainer only says that it waits for those."""
    states = (entry.get("state") or {} for entry in status.get("initContainerStatuses") or [])
    waiting = (state.get("waiting") or {} for state in states)
    return next((found for found in waiting if found.get("reason") not in (None, "PodInitializing")), {})


def _unscheduled(status: JSONObject) -> JSONObject:
    conditions = status.get("conditions") or []
    unscheduled = (c for c in conditions if c.get("type") == "PodScheduled" and c.get("status") == "False")
    return next(unscheduled, {})


def _failed(status: JSONObject, terminated: JSONObject, report: JSONObject) -> Failed:
    """The kind of a failure. Pod conditions and reasons outrank exit codes: 137 and 143 are ambiguous."""
    code = terminated.get("exitCode")
    text = str(report.get("message") or terminated.get("message") or status.get("message") or "")
    message = text[-MESSAGE_LIMIT:]
    disruption = _disruption(status)
    if disruption is not None:
        kind: FailureKind = "stopped" if disruption == DRIVER_LOST else "infrastructure"
        return Failed(kind, disruption, message, code)
    pod_reason = str(status.get("reason") or "")
    if pod_reason in INFRASTRUCTURE_POD_REASONS or pod_reason.startswith("OutOf"):
        return Failed("infrastructure", pod_reason, message, code)
    if not _has_started(terminated):
        init = _failed_init_container(status)
        if init is not None:
            return init
        return Failed(
            "infrastructure", terminated.get("reason") or pod_reason or "NeverStarted", message, code
        )
    return _failed_by_exit_code(code, str(terminated.get("reason") or "Error"), message, report)


def _failed_init_container(status: JSONObject) -> Failed | None:
    """The failure of a container that the user's Pod template starts before the trainer."""
    for entry in status.get("initContainerStatuses") or []:
        terminated = (entry.get("state") or {}).get("terminated") or {}
        code = terminated.get("exitCode", 0)
        if code:
            words = (terminated.get("reason") or "Error", terminated.get("message"))
            why = ": ".join(str(word) for word in words if word)
            text = f"init container {entry.get('name')!r} ended with exit code {code}: {why}"
            return Failed("application", "InitContainerFailed", text[:MESSAGE_LIMIT], code)
    return None


def _failed_by_exit_code(code: int | None, container_reason: str, message: str, report: JSONObject) -> Failed:
    if code in FATAL_EXIT_CODES:
        return Failed("fatal", str(report.get("reason") or FATAL_EXIT_CODES[code]), message, code)
    if code in INFRASTRUCTURE_EXIT_CODES:
        return Failed("infrastructure", INFRASTRUCTURE_EXIT_CODES[code], message, code)
    if code == 0:
        text = f"the container ended without a readable phase result: {message!r}"
        return Failed("application", "ResultMissing", text[:MESSAGE_LIMIT], code)
    reason = container_reason if container_reason != "Error" else str(report.get("reason") or "Error")
    return Failed("application", reason, message, code)


def _disruption(status: JSONObject) -> str | None:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return str(condition.get("reason") or "Disrupted")
    return None


def _has_started(terminated: JSONObject) -> bool:
    never = ("ContainerCannotRun", "StartError", "ContainerStatusUnknown")
    return "exitCode" in terminated and terminated.get("reason") not in never
