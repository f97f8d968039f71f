"""A TCP proxy that can be slow or hang: the fault between a client and a real server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit

_CHUNK_BYTES = 16_384


class ThrottledProxy:
    """Forwards connections to `target`, each direction at `bytes_per_second`; 0 lets nothing through."""

    def __init__(self, target: str, bytes_per_second: float) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self.bytes_per_second = bytes_per_second
        self.sent_bytes = 0
        self.accepted = 0
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """URL that leads through the proxy."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def wait_until_sent(self, count_bytes: int) -> None:
        """Return once so many bytes in all went from clients to the server."""
        with self._changed:
            self._changed.wait_for(lambda: self.sent_bytes >= count_bytes)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

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
            while data := source.recv(_CHUNK_BYTES):
                self._delay(len(data))
                sink.sendall(data)
                if counted:
                    self._count(len(data))
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _delay(self, count_bytes: int) -> None:
        while not self.bytes_per_second:
            time.sleep(0.05)
        time.sleep(count_bytes / self.bytes_per_second)

    def _count(self, count_bytes: int) -> None:
        with self._changed:
            self.sent_bytes += count_bytes
            self._changed.notify_all()
