"""A TCP proxy that can be slow or hang: the fault between a client and a real server."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from urllib.parse import urlsplit

from testbed.waiting import eventually

_CHUNK_BYTES = 16_384


class ThrottledProxy:
    """Forwards connections to `target`, each direction at `bytes_per_second`; 0 lets nothing through."""

    def __init__(self, target: str, bytes_per_second: float) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self.bytes_per_second = bytes_per_second
        self.sent_bytes = 0
        self.accepted = 0
        self._limit_bytes = math.inf
        self._is_closed = False
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """URL that leads through the proxy."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def hold_after(self, more_bytes: int) -> None:
        """After so many bytes more none goes from clients to the server: who is slow misses nothing."""
        with self._changed:
            self._limit_bytes = self.sent_bytes + more_bytes

    def wait_until_holding(self) -> None:
        """Return once all that may go to the server went there."""
        eventually(lambda: self.sent_bytes >= self._limit_bytes, "the bytes that are let through")

    def release(self) -> None:
        """Let everything go on."""
        with self._changed:
            self._limit_bytes = math.inf
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more connections, and let nothing more through."""
        self._listener.close()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _address = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()  # as if nobody listened
            return
        threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()
        self._pump(client, server, True)

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(_CHUNK_BYTES)) and self._may_pass(counted):
                time.sleep(len(data) / self.bytes_per_second)
                sink.sendall(data)
                if counted:
                    self._count(len(data))
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _may_pass(self, counted: bool) -> bool:
        """Wait until more may go through; whether anything ever will."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._is_open(counted))
            return not self._is_closed

    def _is_open(self, counted: bool) -> bool:
        return self.bytes_per_second > 0 and not (counted and self.sent_bytes >= self._limit_bytes)

    def _count(self, count_bytes: int) -> None:
        with self._changed:
            self.sent_bytes += count_bytes
