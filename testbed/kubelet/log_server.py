"""The part of a kubelet's own API that `kubectl logs` needs."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from testbed.kubelet.pod_worker import Container


class LogServer:
    """Answers /containerLogs/NAMESPACE/POD/CONTAINER over TLS. `find` takes the three names."""

    def __init__(self, find: Callable[[str, str, str], Container | None]) -> None:
        self._find = find

    async def start(self, port: int, certificate: Path, key: Path) -> None:
        """Listen on this machine alone."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=context).start()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        words = request.match_info
        container = self._find(words["namespace"], words["pod"], words["container"])
        if container is None:
            raise web.HTTPNotFound(text=f'pod "{words["pod"]}" is not on this node')
        lines = container.read_log(_restart(request, container), request.query)
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        with suppress(ConnectionResetError):  # the client has heard enough
            async for line in lines:
                await answer.write(line)
        return answer


def _restart(request: web.Request, container: Container) -> int:
    """Number of the container's start whose output is requested."""
    name, state, restart = container.state.name, container.state.state, container.state.restarts
    if request.query.get("previous") == "true":
        if not restart:
            raise web.HTTPBadRequest(text=f'previous terminated container "{name}" not found')
        return restart - 1
    if "waiting" in state and not restart:
        reason = state["waiting"]["reason"]
        raise web.HTTPBadRequest(text=f'container "{name}" is waiting to start: {reason}')
    return restart
