"""Stands where `helm test` looks for the operator: this testbed has no Service addresses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class HealthPage(ThreadingHTTPServer):
    """Answers every request with `code`."""

    code = 200

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


@contextmanager
def health_page() -> Iterator[HealthPage]:
    """A page on a free port."""
    with HealthPage(("127.0.0.1", 0), _Handler) as page:
        Thread(target=page.serve_forever, daemon=True).start()
        try:
            yield page
        finally:
            page.shutdown()
