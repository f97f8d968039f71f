"""How much memory this process has needed so far. A kernel that kills it for that leaves no figure behind."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")
_PEAK = "VmHWM:"  # in KiB; ru_maxrss would begin with what the process had that started this one


def peak_bytes() -> int:
    """The most that was resident at a time, in bytes; 0 where the system does not say."""
    if not _STATUS.exists():
        return 0
    found = (line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith(_PEAK))
    return int(next(found, 0)) * 1024
