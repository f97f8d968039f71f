"""What the trainer reports, as types: the phase result it ends with, and the progress lines before that.

Both are written by a program of the user's image, so any value may be missing or of another type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from collectiverun_operator.api.outcome import Progress, Result, Success
from collectiverun_operator.json_types import JSONObject

MAX_COUNT = 2**53 - 1
MAX_NUMBER = 1e308
RETRYING_LIMIT = 512
STORAGE_REFUSED = "StorageRefused"  # a reason of exit code 3: the run file may be right


def read_report(message: object) -> JSONObject:
    """The phase result as JSON in a termination message; empty if there is none."""
    lines = str(message or "").strip().splitlines()
    return _parse_object(lines[-1]) if lines else {}


def read_result(report: JSONObject) -> Result | None:
    """The phase result, or None if it names no artifact."""
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
        peak_memory_bytes=read_count(report.get("peakMemoryBytes")),
        cpu_seconds=read_count(report.get("cpuSeconds")),
        note=str(report.get("note") or ""),
    )


def newest_progress(lines: Iterable[bytes], before: Progress | None) -> Progress:
    """The progress after these lines, where `before` was the last. Lines that are no JSON are a library's."""
    progress = before or Progress()
    newest, retrying = None, progress.retrying
    for line in lines:
        record = _parse_object(line)
        if record.get("kind") == "progress":
            newest, retrying = record, ""
        elif record.get("kind") == "log":
            retrying = _one_line(record.get("message")) if record.get("retrying") is True else ""
    return replace(progress if newest is None else read_progress(newest), retrying=retrying)


def read_progress(line: JSONObject) -> Progress:
    """A progress line; what makes no sense in it is left out."""
    total = _number(line.get("totalEnvSteps"))
    return Progress(
        env_steps=read_count(line.get("envSteps")),
        total_env_steps=None if total is None else read_count(total),
        env_steps_per_second=_number(line.get("envStepsPerSecond")),
        fraction=_number(line.get("fraction")),
        eta_seconds=_number(line.get("etaSeconds")),
        success=read_success(line.get("success")),
        activity=str(line.get("activity") or ""),
        peak_memory_bytes=read_count(line.get("peakMemoryBytes")),
        cpu_seconds=read_count(line.get("cpuSeconds")),
    )


def _one_line(text: object) -> str:
    return " ".join(str(text or "").split())[:RETRYING_LIMIT]


def read_success(value: object) -> Success | None:
    """{"anyStep", "atEnd"} as rates, or None if it is anything else."""
    if not isinstance(value, dict):
        return None
    any_step, at_end = _rate(value.get("anyStep")), _rate(value.get("atEnd"))
    return None if any_step is None or at_end is None else Success(any_step, at_end)


def read_count(value: object) -> int:
    """A count, or 0 if it is anything else; at most what every reader of JSON takes for a whole number."""
    number = _number(value)
    return 0 if number is None else int(max(0, min(number, MAX_COUNT)))


def _rate(value: object) -> float | None:
    number = _number(value)
    return None if number is None or not 0 <= number <= 1 else float(number)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < MAX_NUMBER else None  # neither infinite nor NaN


def _parse_object(text: str | bytes) -> JSONObject:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
