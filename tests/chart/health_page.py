"""Stands where `helm test` looks for the operator: this testbed has no Service addresses."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class HealthPage(ThreadingHTTPServer):
    """Answers every request on a free port with `code`, until the context ends."""

    code = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def values(self) -> tuple[str, str]:
        """Values of the chart with which `helm test` asks here."""
        return "tests.host=127.0.0.1", f"healthPort={self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, HealthPage)
        self.send_response(self.server.code if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
