"""What a trainer's process writes, as lines for people: JSON lines in words, all else as it is. Pure."""

from __future__ import annotations

import json
import time

from collectiverun_operator.api.trainer_report import read_progress
from collectiverun_operator.cli.plain_lines import progress_text
from collectiverun_operator.json_types import JSONObject


def readable(line: bytes) -> str | None:
    """A line for a person; None for one that says nothing to them (metrics, an empty line)."""
    text = line.decode(errors="replace").rstrip()
    try:
        record = json.loads(text)
    except ValueError:
        return text or None
    if not isinstance(record, dict) or "kind" not in record:
        return text or None
    return _told(record)


def _told(record: JSONObject) -> str | None:
    if record["kind"] == "progress":
        return f"{_clock(record)}{progress_text(read_progress(record))}"
    if record["kind"] == "log":
        level = str(record.get("level") or "info")
        return f"{_clock(record)}{'' if level == 'info' else f'{level}: '}{record.get('message', '')}"
    if record["kind"] == "result":
        return f"result: {record.get('reason', '')} {record.get('message', '')}".rstrip()
    return None


def _clock(record: JSONObject) -> str:
    moment = record.get("time")
    if isinstance(moment, bool) or not isinstance(moment, int | float):
        return ""
    return time.strftime("%H:%M:%S ", time.localtime(moment))
