"""Free ports, each given out once."""

from __future__ import annotations

import secrets
import socket
from collections import deque

# Below those that Linux gives to outgoing connections: a server that is started again gets its port back.
_FIRST, _BEHIND_LAST = 10_000, 32_768
# Between finding a port and listening on it lies the start of a server, and others look for ports meanwhile.
# So each is held: bound, which keeps the others off, but in a way that lets a server listen there that sets
# SO_REUSEADDR, as all of ours do. The oldest are released: their servers have long been listening.
_HELD: deque[socket.socket] = deque(maxlen=200)


def free_ports(count: int, twin_offset: int = 0) -> list[int]:
    """Ports that are free now, all different, as are those `twin_offset` above them. They stay ours."""
    ports: list[int] = []
    while len(ports) < count:
        port = _FIRST + secrets.randbelow(_BEHIND_LAST - twin_offset - _FIRST)
        if _hold({port, port + twin_offset}):
            ports.append(port)
    return ports


def _hold(ports: set[int]) -> bool:
    """Hold all of them, or none."""
    holders = [socket.socket() for _ in ports]
    try:
        for holder, port in zip(holders, ports, strict=True):
            holder.bind(("", port))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError:
        for holder in holders:
            holder.close()
        return False
    _HELD.extend(holders)
    return True
