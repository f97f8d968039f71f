"""Moments as Kubernetes writes them: UTC, whole seconds, `2026-01-31T12:00:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_time(text: str | None) -> datetime | None:
    """The moment, or None if there is none."""
    return None if not text else datetime.fromisoformat(text).astimezone(UTC)


def format_time(moment: datetime) -> str:
    """The moment as a string."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
