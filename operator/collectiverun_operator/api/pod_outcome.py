"""How a Pod stands or ended, and whose failure it was: the program's, the infrastructure's, nobody's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from collectiverun_operator.api.outcome import (
    MESSAGE_LIMIT,
    Active,
    Failed,
    FailureKind,
    Outcome,
    Result,
    Succeeded,
    Success,
)
from collectiverun_operator.api.pod_template import CONTAINER

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
MAX_COUNT = 2**53 - 1

JSONObject = Mapping[str, Any]


def pod_outcome(pod: JSONObject) -> Outcome:
    """How the Pod stands."""
    status = pod.get("status", {})
    state = _container_state(status)
    terminated = state.get("terminated")
    if status.get("phase") not in ("Succeeded", "Failed") and terminated is None:
        return _active(status, state)
    terminated = terminated or {}
    report = read_report(terminated.get("message"))
    result = _result(report) if terminated.get("exitCode") == 0 else None
    return Succeeded(result) if result is not None else _failed(status, terminated, report)


def read_report(message: object) -> JSONObject:
    """The phase result as JSON in a termination message; empty if there is none."""
    lines = str(message or "").strip().splitlines()
    try:
        report = json.loads(lines[-1]) if lines else {}
    except (ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def read_success(value: object) -> Success | None:
    """{"anyStep", "atEnd"} as rates, or None if it is anything else."""
    if not isinstance(value, dict):
        return None
    any_step, at_end = _rate(value.get("anyStep")), _rate(value.get("atEnd"))
    return None if any_step is None or at_end is None else Success(any_step, at_end)


def read_count(value: object) -> int:
    """A count, or 0 if it is anything else; at most what every reader of JSON takes for a whole number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return 0
    return max(0, min(int(value), MAX_COUNT))


def _rate(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= 1 else None


def _container_state(status: JSONObject) -> JSONObject:
    statuses = status.get("containerStatuses") or []
    found: JSONObject = next((entry for entry in statuses if entry.get("name") == CONTAINER), {})
    state: JSONObject = found.get("state") or {}
    return state


def _active(status: JSONObject, state: JSONObject) -> Active:
    disruption = _disruption(status) or ""
    if "running" in state:
        return Active("Running", disruption=disruption)
    waiting = state.get("waiting") or _unscheduled(status)
    words = (waiting.get("reason"), waiting.get("message"))
    return Active("Pending", ": ".join(word for word in words if word)[:MESSAGE_LIMIT], disruption)


def _unscheduled(status: JSONObject) -> JSONObject:
    conditions = status.get("conditions") or []
    found = (c for c in conditions if c.get("type") == "PodScheduled" and c.get("status") == "False")
    return next(found, {})


def _result(report: JSONObject) -> Result | None:
    uri, digest = report.get("uri"), report.get("manifestSha256")
    if not isinstance(uri, str) or not isinstance(digest, str) or len(digest) != 64 or not uri:
        return None
    return Result(
        uri=uri,
        manifest_sha256=digest,
        env_steps=read_count(report.get("envSteps")),
        success=read_success(report.get("success")),
        experts=read_success(report.get("experts")),
        students=read_success(report.get("students")),
        note=str(report.get("note") or ""),
    )


def _failed(status: JSONObject, terminated: JSONObject, report: JSONObject) -> Failed:
    """Whose failure it was. What the infrastructure says outranks exit codes: 137 and 143 are ambiguous."""
    code = terminated.get("exitCode")
    said = str(report.get("message") or terminated.get("message") or status.get("message") or "")
    message = said[-MESSAGE_LIMIT:]
    disruption = _disruption(status)
    if disruption is not None:
        kind: FailureKind = "stopped" if disruption == DRIVER_LOST else "infrastructure"
        return Failed(kind, disruption, message, code)
    pod_reason = str(status.get("reason") or "")
    if pod_reason in INFRASTRUCTURE_POD_REASONS or pod_reason.startswith("OutOf"):
        return Failed("infrastructure", pod_reason, message, code)
    if not _has_started(terminated):
        return Failed(
            "infrastructure", terminated.get("reason") or pod_reason or "NeverStarted", message, code
        )
    return _failed_by_exit_code(code, str(terminated.get("reason") or "Error"), message, report)


def _failed_by_exit_code(code: int | None, container_reason: str, message: str, report: JSONObject) -> Failed:
    if code in FATAL_EXIT_CODES:
        return Failed("fatal", str(report.get("reason") or FATAL_EXIT_CODES[code]), message, code)
    if code in INFRASTRUCTURE_EXIT_CODES:
        return Failed("infrastructure", INFRASTRUCTURE_EXIT_CODES[code], message, code)
    if code == 0:
        text = f"the container ended without a phase result that can be read: {message!r}"
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
