"""Logs: one JSON object a line with run, namespace, phase and member, or plain text for people."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

_TEXT = "%(asctime)s %(levelname)-7s %(message)s"
# Attributes that libraries attach for themselves.
_FOREIGN = ("k8s_ref", "k8s_skip", "settings", "taskName")


def configure_logging(format_: Literal["json", "text"], level: int = logging.INFO) -> None:
    """Log to standard error in this format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json_formatter() if format_ == "json" else _TextFormatter(_TEXT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def about(namespace: str, run: str, *, phase: str = "", member: str = "") -> dict[str, Any]:
    """`extra` of a line that is about a run, or a phase or member of it."""
    fields = {"namespace": namespace, "run": run, "phase": phase, "member": member}
    return {name: value for name, value in fields.items() if value}


class _TextFormatter(logging.Formatter):
    """Starts each line with its subject: `team/run experts/reach-v3-sawyer: …`."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        subject = _subject(record.__dict__)
        return line.replace(record.message, f"{subject}: {record.message}", 1) if subject else line


def _json_formatter() -> logging.Formatter:
    return JsonFormatter(
        ("message", "levelname", "name"),
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
        reserved_attrs=[*vars(logging.makeLogRecord({})), "message", "asctime", *_FOREIGN],
    )


def _subject(fields: Mapping[str, Any]) -> str:
    run = "/".join(str(fields[name]) for name in ("namespace", "run") if fields.get(name))
    member = "/".join(str(fields[name]) for name in ("phase", "member") if fields.get(name))
    return " ".join(part for part in (run, member) if part)
