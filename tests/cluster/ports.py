"""Ports that nobody else is using."""

from __future__ import annotations

import secrets
import socket

# Below those that Linux gives to outgoing connections: a server that is started again gets its port back.
_FIRST, _BEHIND_LAST = 10_000, 32_768


def free_ports(count: int) -> list[int]:
    """Ports that are free now, all different."""
    found: set[int] = set()
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_BEHIND_LAST - _FIRST)
        if _is_free(port):
            found.add(port)
    return list(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
