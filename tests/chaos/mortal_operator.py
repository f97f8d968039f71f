"""The operator as a process that kills itself at a chosen write to the API server.

    python tests/chaos/mortal_operator.py before 3      # SIGKILL instead of sending the third write
    python tests/chaos/mortal_operator.py after 3       # SIGKILL as the third write was answered

Otherwise it is the command `collectiverun-operator`, with its environment. The fault sits in the client
library, between the operator and the network: the operator itself has no hook for it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from kubernetes.aio.client.rest import RESTClientObject

WRITE_METHODS = ("POST", "PUT", "PATCH", "DELETE")

# Nobody asks a mortal one how it is, and while it is dead somebody else might take its ports.
NO_ENDPOINTS = {"COLLECTIVERUN_HEALTH_PORT": "0", "COLLECTIVERUN_METRICS_PORT": "0"}

Send = Callable[..., Awaitable[Any]]


def mortal_command(side: str, number: int) -> tuple[str, ...]:
    """The command line of an operator that dies `before` or `after` its write `number`, from 1."""
    return (sys.executable, __file__, side, str(number))


def die_at(side: str, number: int) -> None:
    """Make this process end with SIGKILL before or after its write `number` (from 1)."""
    send = RESTClientObject.request
    RESTClientObject.request = _Fatal(send, side, number).bind()  # type: ignore[method-assign]


class _Fatal:
    """Counts writes."""

    def __init__(self, send: Send, side: str, number: int) -> None:
        self._send, self._side, self._left = send, side, number

    def bind(self) -> Send:
        """The method in place of the client's."""

        async def request(
            client: RESTClientObject, method: str, url: str, *arguments: Any, **named: Any
        ) -> Any:
            is_last = _is_write(method, url) and self._count()
            if is_last and self._side == "before":
                _die()
            try:
                response = await self._send(client, method, url, *arguments, **named)
                if is_last:
                    await response.read()
            finally:  # one that got no answer in time is a write, too
                if is_last:
                    _die()
            return response

        return request

    def _count(self) -> bool:
        self._left -= 1
        return self._left == 0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _is_write(method: str, url: str) -> bool:
    """Whether a request does something for a run: neither a dry run nor the renewal of the canary."""
    return method in WRITE_METHODS and "dryRun=" not in url and "/leases/" not in url


if __name__ == "__main__":
    from collectiverun_operator.controller.main import main

    die_at(sys.argv[1], int(sys.argv[2]))
    sys.argv[1:] = []
    main()
