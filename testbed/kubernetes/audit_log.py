"""The API server's audit log: who requested what, when, and the answer.

At the level Metadata it is the witness of tests that kill the operator: it does not belong to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from testbed import JSONObject

# A server that is killed may leave the first part of a line, and the next one goes on behind it.
_BEGIN = b'{"kind":"Event"'
_WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One answered request. Times are Unix seconds; a dry run changes nothing."""

    received: float
    answered: float
    user: str
    verb: str
    resource: str
    name: str
    code: int
    is_dry_run: bool

    @property
    def is_write(self) -> bool:
        """Whether it changed something: a write that the server carried out."""
        return self.verb in _WRITE_VERBS and not self.is_dry_run and 200 <= self.code < 300


def read_audit(path: Path, namespace: str) -> Iterator[Request]:
    """Answered requests about a namespace's objects, in the log's order."""
    with path.open("rb") as log:
        for line in log:
            if line.endswith(b"\n"):  # else it is being written
                event = json.loads(line[line.rfind(_BEGIN) :])
                if _is_answered(event) and event.get("objectRef", {}).get("namespace") == namespace:
                    yield _request(event)


def created_jobs(requests: Iterable[Request]) -> list[str]:
    """Names of the Jobs that were really made, once for each time."""
    return [r.name for r in requests if (r.verb, r.resource) == ("create", "jobs") and r.is_write]


def written_statuses(requests: Iterable[Request]) -> list[Request]:
    """Every time a run's status was written."""
    return [r for r in requests if r.resource == "collectiveruns/status" and r.is_write]


def _is_answered(event: JSONObject) -> bool:
    """A request is logged at its end, an unauthenticated one (401) at the beginning of its answer."""
    stage: str = event["stage"]
    code = event.get("responseStatus", {}).get("code")
    return stage == "ResponseComplete" or (stage == "ResponseStarted" and code == 401)


def _request(event: JSONObject) -> Request:
    target = event["objectRef"]
    parts = (target.get("resource", ""), target.get("subresource", ""))
    return Request(
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
        user=event["user"].get("username", ""),  # none if it was not authenticated
        verb=event["verb"],
        resource="/".join(part for part in parts if part),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        is_dry_run="dryRun=" in event.get("requestURI", ""),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
