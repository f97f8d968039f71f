"""The JSON lines a phase writes about itself: which of them tells how far it is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def newest_progress(lines: Iterable[bytes]) -> dict[str, Any] | None:
    """The last `progress` line, None if there is none. Lines that are no JSON are a library's."""
    newest = None
    for line in lines:
        record = _record(line)
        if record.get("kind") == "progress":
            newest = record
    return newest


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
