"""An HTTP proxy between a client and a real server that answers some requests itself, as gateways do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

_PER_HOP = ("connection", "transfer-encoding", "date", "server")


@dataclass(frozen=True)
class Answer:
    """A status, a body and its headers."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


# Method, path with query, and the server's own answer, in; what the client gets out.
Alteration = Callable[[str, str, Answer], Answer]


def unaltered(method: str, path: str, answer: Answer) -> Answer:
    """What the server said."""
    return answer


class AlteringProxy:
    """Forwards requests to the server at a URL; `alter` may be replaced; `requests` is what came."""

    def __init__(self, url: str, alter: Alteration = unaltered) -> None:
        self.alter = alter
        self.requests: list[tuple[str, str]] = []
        parts = urlsplit(url)
        proxy, target = self, (parts.hostname or "", parts.port)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = _ask(target, self.command, self.path, list(self.headers.items()), body)
                proxy.requests.append((self.command, self.path))
                altered = proxy.alter(self.command, self.path, answer)
                self.send_response(altered.status)
                for name, value in altered.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in altered.headers:  # of what a HEAD asks about
                    self.send_header("Content-Length", str(len(altered.body)))
                self.end_headers()
                self.wfile.write(altered.body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _ask(
    target: tuple[str, int | None], method: str, path: str, headers: list[tuple[str, str]], body: bytes
) -> Answer:
    """The server's answer. The headers go on as they are: the client has signed them."""
    connection = http.client.HTTPConnection(*target)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders(body or None)
    response = connection.getresponse()
    dropped = _PER_HOP if method == "HEAD" else (*_PER_HOP, "content-length")
    kept = {name: value for name, value in response.getheaders() if name.lower() not in dropped}
    try:
        return Answer(response.status, response.read(), kept)
    finally:
        connection.close()
