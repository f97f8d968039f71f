"""Values as people and Kubernetes write them: rates, sizes, durations, moments (`2026-01-31T12:00:00Z`)."""

from __future__ import annotations

from datetime import UTC, datetime


def percent(rate: float) -> str:
    """0.973 → `97 %`; never rounded up to 100 %."""
    return f"{int(rate * 100 + 1e-9) if rate > 0.99 else round(rate * 100)} %"


def time_left(seconds: float | None) -> str:
    """3900 → `1h5m`, 150 → `3m`, 40 → `<1m`; empty where there is none."""
    if seconds is None:
        return ""
    if seconds < 60:
        return "<1m"
    hours, minutes = divmod(round(seconds / 60), 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes if not days else 0, "m"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def gibibytes(count: int) -> str:
    """2072345678 → `1.93 GiB`."""
    return f"{count / 2**30:.2f} GiB"


def hours(seconds: float | None) -> str:
    """5400 → `1.50`, 41 → `0.01`; empty where there is none."""
    return "" if seconds is None else f"{seconds / 3600:.2f}"


def parse_time(text: str | None) -> datetime | None:
    """The moment, or None if there is none."""
    return None if not text else datetime.fromisoformat(text).astimezone(UTC)


def format_time(moment: datetime) -> str:
    """The moment as a string."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
