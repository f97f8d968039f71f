"""A TCP proxy whose connections can be cut, or left open and dead: what load balancers do to watches."""

from __future__ import annotations

import contextlib
import socket
import threading

_CHUNK_BYTES = 65_536


class SeverableProxy:
    """Forwards connections on a port of its own to `host:port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self._connections: list[_Connection] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def sever(self) -> int:
        """End every connection there is now; how many they were."""
        return sum(connection.end() for connection in self._live())

    def silence(self) -> int:
        """Nothing more passes through the connections of now, and nobody is told; how many they were."""
        return sum(connection.silence() for connection in self._live())

    def close(self) -> None:
        """Take no more connections and end those there are."""
        self._listener.close()
        self.sever()

    def _live(self) -> list[_Connection]:
        with self._lock:
            self._connections = [one for one in self._connections if not one.is_over]
            return list(self._connections)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _address = self._listener.accept()
                self.accepted += 1
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()  # as if nobody listened
            return
        connection = _Connection(client, server)
        with self._lock:
            self._connections.append(connection)


class _Connection:
    """Both ends of one connection and the threads that pump between them."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._ends = (client, server)
        self._is_silent = False
        self.is_over = False
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def end(self) -> bool:
        """End it at once, whatever is under way; whether it was still there."""
        was_there, self.is_over = not self.is_over, True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return was_there

    def silence(self) -> bool:
        """Swallow what comes from now on; whether it was still there."""
        self._is_silent = True
        return not self.is_over

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                if not self._is_silent:
                    sink.sendall(data)
        if self._is_silent:
            return  # the other side must not learn that this one is gone
        self.end()
