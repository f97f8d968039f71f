"""Ports that nobody else is using."""

from __future__ import annotations

import secrets
import socket

# Below those that Linux gives to outgoing connections: a server that is started again gets its port back.
_FIRST, _BEHIND_LAST = 10_000, 32_768


def free_ports(count: int, twin_offset: int = 0) -> list[int]:
    """Ports that are free now, all different, as are those `twin_offset` above them."""
    found: set[int] = set()
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_BEHIND_LAST - twin_offset - _FIRST)
        if _is_free(port) and _is_free(port + twin_offset):
            found.add(port)
    return list(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
