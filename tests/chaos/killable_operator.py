"""The operator as a process that kills itself at a chosen write to the API server.

    python tests/chaos/killable_operator.py before 3      # SIGKILL instead of sending the third write
    python tests/chaos/killable_operator.py after 3       # SIGKILL as the third write was answered

Otherwise it is the command `collectiverun-operator`, with its environment. The fault sits in the client
library, between the operator and the network: the operator itself has no hook for it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

from kubernetes.aio.client.rest import RESTClientObject

WRITE_METHODS = ("POST", "PUT", "PATCH", "DELETE")

# Nobody asks one that dies how it is, and while it is dead somebody else might take its ports.
NO_ENDPOINTS = {"COLLECTIVERUN_HEALTH_PORT": "0", "COLLECTIVERUN_METRICS_PORT": "0"}


def killable_command(side: str, number: int) -> tuple[str, ...]:
    """The command line of an operator that dies `before` or `after` its write `number`, from 1."""
    return (sys.executable, __file__, side, str(number))


def die_at(side: str, number: int) -> None:
    """Make this process end with SIGKILL before or after its write `number` (from 1)."""
    send = RESTClientObject.request
    writes = itertools.count(1)

    async def request(client: RESTClientObject, method: str, url: str, *arguments: Any, **named: Any) -> Any:
        is_last = _is_write(method, url) and next(writes) == number
        if is_last and side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            response = await send(client, method, url, *arguments, **named)
            if is_last:
                await response.read()
        finally:  # one that got no answer in time is a write, too
            if is_last:
                os.kill(os.getpid(), signal.SIGKILL)
        return response

    RESTClientObject.request = request  # type: ignore[method-assign]


def _is_write(method: str, url: str) -> bool:
    """Whether a request does something for a run: neither a dry run nor the renewal of the canary."""
    return method in WRITE_METHODS and "dryRun=" not in url and "/leases/" not in url


if __name__ == "__main__":
    from collectiverun_operator.controller.main import main

    die_at(sys.argv[1], int(sys.argv[2]))
    sys.argv[1:] = []
    main()
