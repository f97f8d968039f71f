"""A way to the S3 server with a gate in it, so that a run can't get further than a test wants it to."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

_CHUNK_BYTES = 65_536


@contextmanager
def gated(endpoint: str, held: str) -> Iterator[str]:
    """An endpoint that leads to another; a request to write what `held`, a pattern, matches is kept there.

    It never arrives, and whoever sent it gets no answer as long as this lasts.
    """
    target = urlsplit(endpoint)
    with _Gate((str(target.hostname), int(target.port or 80)), held) as gate:
        threading.Thread(target=gate.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{gate.server_address[1]}"
        finally:
            gate.is_closing.set()
            gate.shutdown()


class _Gate(ThreadingTCPServer):
    """Passes bytes on, both ways, a thread for each connection."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: tuple[str, int], held: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.held = re.compile(rb"^PUT [^\r\n]*" + held.encode(), re.MULTILINE)
        self.is_closing = threading.Event()


class _Connection(BaseRequestHandler):
    """One client's connection."""

    server: _Gate

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(self.server.target) as upstream:
            back = threading.Thread(target=_pass_on, args=(upstream, self.request), daemon=True)
            back.start()
            while data := self.request.recv(_CHUNK_BYTES):
                if self.server.held.search(data):
                    self.server.is_closing.wait()
                    return
                upstream.sendall(data)
            upstream.shutdown(socket.SHUT_WR)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK_BYTES):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
