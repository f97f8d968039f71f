"""The part of a kubelet's own API that `kubectl logs` needs."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from aiohttp import web

from testbed.kubelet.container_log import LogOptions
from testbed.kubelet.pod_status import ContainerState


class Log(Protocol):
    """What a container said."""

    def read(self, options: LogOptions, has_ended: Callable[[], bool]) -> AsyncIterator[bytes]:
        """The lines asked for."""


class Container(Protocol):
    """One container of a Pod."""

    state: ContainerState

    def log_of(self, restart: int) -> Log:
        """What it said after one of its starts."""


class Pod(Protocol):
    """One Pod on this node."""

    def container(self, name: str) -> Container | None:
        """One of its containers."""


FindPod = Callable[[str, str], Pod | None]


class LogServer:
    """Answers /containerLogs/NAMESPACE/POD/CONTAINER over TLS."""

    def __init__(self, find: FindPod) -> None:
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
        pod = self._find(words["namespace"], words["pod"])
        container = pod.container(words["container"]) if pod else None
        if container is None:
            raise web.HTTPNotFound(text=f'pod "{words["pod"]}" is not on this node')
        return await _send(request, container)


async def _send(request: web.Request, container: Container) -> web.StreamResponse:
    name, state = container.state.name, container.state.state
    restart = container.state.restarts
    if request.query.get("previous") == "true":
        restart -= 1
    elif "waiting" in state and not restart:
        why = state["waiting"]["reason"]
        raise web.HTTPBadRequest(text=f'container "{name}" is waiting to start: {why}')
    if restart < 0:
        raise web.HTTPBadRequest(text=f'previous terminated container "{name}" not found')
    options = LogOptions.parse(request.query)
    answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await answer.prepare(request)
    has_ended = lambda: "running" not in container.state.state  # noqa: E731
    with suppress(ConnectionResetError):  # whoever asked has heard enough
        async for line in container.log_of(restart).read(options, has_ended):
            await answer.write(line)
    return answer
