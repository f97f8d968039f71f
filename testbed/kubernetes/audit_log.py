"""The API server's audit log: who requested what, when, and the answer.

An audit log at the level Metadata is the witness of these tests: it was there however often the operator
died, and it does not belong to the operator.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

# A server that is killed may leave the first part of a line, and the next one goes on behind it.
_BEGIN = b'{"kind":"Event"'
WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One answered request. Times are Unix seconds; `is_dry_run`: it changes nothing.

    `resource` is one or `resource/subresource`; `is_forbidden`: the user has no right to it.
    """

    received: float
    answered: float
    user: str
    agent: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    code: int
    is_dry_run: bool
    is_forbidden: bool

    @property
    def is_write(self) -> bool:
        """Whether it changed something: a write that the server carried out."""
        return self.verb in WRITE_VERBS and not self.is_dry_run and 200 <= self.code < 300


def read_audit(
    path: Path, namespace: str | None = None, since: int = 0, user: str | None = None
) -> Iterator[Request]:
    """Answered requests in the log's order, from byte `since` on; only those in a namespace, or of a user."""
    told = [f'"{name}"'.encode() for name in (namespace, user) if name is not None]
    with path.open("rb") as log:
        log.seek(since)
        for line in log:
            # The last one may be being written. Most are of others, and reading them would take long.
            if line.endswith(b"\n") and all(name in line for name in told):
                event = json.loads(line[line.rfind(_BEGIN) :])
                request = _request(event)
                if (
                    _is_answered(event)
                    and namespace in (None, request.namespace)
                    and user in (None, request.user)
                ):
                    yield request


def created_jobs(requests: Iterable[Request]) -> list[str]:
    """Names of the Jobs that were really made, once for each time."""
    return [r.name for r in requests if (r.verb, r.resource) == ("create", "jobs") and r.is_write]


def deleted_jobs(requests: Iterable[Request]) -> list[str]:
    """Names of the Jobs that were deleted, once for each time."""
    return [r.name for r in requests if (r.verb, r.resource) == ("delete", "jobs") and r.is_write]


def written_statuses(requests: Iterable[Request]) -> list[Request]:
    """Every time a run's status was written."""
    return [
        request for request in requests if request.resource == "collectiveruns/status" and request.is_write
    ]


def _is_answered(event: dict[str, Any]) -> bool:
    """A request is logged at its end, an unauthenticated one (401) at the beginning of its answer."""
    code = (event.get("responseStatus") or {}).get("code")
    return event["stage"] == "ResponseComplete" or (event["stage"] == "ResponseStarted" and code == 401)


def _request(event: dict[str, Any]) -> Request:
    target = event.get("objectRef") or {}
    parts = (target.get("resource", ""), target.get("subresource", ""))
    return Request(
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
        user=event["user"].get("username", ""),  # none if it was not authenticated
        agent=event.get("userAgent", ""),
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource="/".join(part for part in parts if part),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=(event.get("responseStatus") or {}).get("code", 0),
        is_dry_run="dryRun=" in event.get("requestURI", ""),
        is_forbidden=event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid",
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
