"""A TCP proxy between a client and a real server, with the faults that networks and load balancers have."""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from testbed.waiting import eventually

_CHUNK_BYTES = 16_384
_NOTHING = "(?!)"


class FaultyProxy:
    """Forwards connections to the server at a URL; `url` is its own.

    `bytes_per_second` is the rate of each direction; 0 lets nothing through. `held`: a request that matches
    this pattern is kept here until everything is let go on.
    """

    def __init__(self, url: str, bytes_per_second: float = math.inf, held: str = _NOTHING) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._held = re.compile(held.encode(), re.MULTILINE)
        self.bytes_per_second = bytes_per_second
        self.sent_bytes = 0
        self.accepted = 0
        self._limit_bytes = math.inf
        self._is_closed = False
        self._changed = threading.Condition()
        self._connections: list[_Connection] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{parts.scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more connections and end those there are."""
        self._listener.close()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self.sever()

    def sever(self) -> int:
        """End every connection there is now; how many they were."""
        connections = self._open_connections()
        for connection in connections:
            connection.end()
        return len(connections)

    def silence(self) -> int:
        """Nothing more passes through the connections of now, and nobody is told; how many they were."""
        connections = self._open_connections()
        for connection in connections:
            connection.is_silent = True
        return len(connections)

    def hold_after(self, more_bytes: int) -> None:
        """After so many bytes more none goes from clients to the server: who is slow misses nothing."""
        with self._changed:
            self._limit_bytes = self.sent_bytes + more_bytes

    def wait_until_holding(self) -> None:
        """Return once all that may go to the server went there."""
        eventually(lambda: self.sent_bytes >= self._limit_bytes, "the bytes that are let through")

    def release(self) -> None:
        """Let everything go on, what was held too."""
        with self._changed:
            self._limit_bytes, self._held = math.inf, re.compile(_NOTHING.encode())
            self._changed.notify_all()

    def _open_connections(self) -> list[_Connection]:
        with self._changed:
            self._connections = [one for one in self._connections if not one.is_over]
            return list(self._connections)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _address = self._listener.accept()
                self.accepted += 1
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            connection = _Connection((client, socket.create_connection(self._target)))
        except OSError:
            client.close()  # as if nobody listened
            return
        with self._changed:
            self._connections.append(connection)
        for is_request in (True, False):
            threading.Thread(target=self._pump, args=(connection, is_request), daemon=True).start()

    def _pump(self, connection: _Connection, is_request: bool) -> None:
        source, sink = connection.ends if is_request else reversed(connection.ends)
        with suppress(OSError):
            while (data := source.recv(_CHUNK_BYTES)) and self._admits(data, is_request):
                time.sleep(len(data) / self.bytes_per_second)
                if not connection.is_silent:
                    sink.sendall(data)
                    self._count(len(data) if is_request else 0)
        if not connection.is_silent:  # else the other side must not learn that this one is gone
            connection.end()

    def _admits(self, data: bytes, is_request: bool) -> bool:
        """Wait until this may pass; whether anything ever will."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or not self._holds(data, is_request))
            return not self._is_closed

    def _holds(self, data: bytes, is_request: bool) -> bool:
        is_full = self.sent_bytes >= self._limit_bytes
        return self.bytes_per_second == 0 or (is_request and (is_full or bool(self._held.search(data))))

    def _count(self, sent_bytes: int) -> None:
        with self._changed:
            self.sent_bytes += sent_bytes


@dataclass
class _Connection:
    """The sockets to client and server. Once it `is_silent`, what comes is swallowed."""

    ends: tuple[socket.socket, socket.socket]
    is_silent: bool = False
    is_over: bool = False

    def end(self) -> None:
        """End it at once, whatever is under way."""
        self.is_over = True
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
