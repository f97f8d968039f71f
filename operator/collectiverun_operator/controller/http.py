"""An HTTP server with one path: /healthz for the kubelet, /metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from collectiverun_operator.errors import CollectiveRunError

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PortTakenError(CollectiveRunError):
    """The configured port can't be used."""


class HTTPEndpoint:
    """Serves `path` on `port` of every address, between `start` and `stop`. Port 0: not at all."""

    def __init__(self, path: str, port: int, answer: Answer) -> None:
        self._path = path
        self._port = port
        self._answer = answer
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Start listening. Raises PortTakenError with a sentence."""
        if not self._port:
            return
        application = web.Application()
        application.router.add_get(self._path, self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, port=self._port).start()
        except OSError as error:
            text = f"{self._path} can't be served on port {self._port}: {error.strerror or error}"
            raise PortTakenError(f"{text}; set another port") from error

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
