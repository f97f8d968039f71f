"""Figures as people read them."""

from __future__ import annotations


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
