"""Which rights somebody used, and which were refused, by the API server's own audit log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# (API group, resource or resource/subresource, verb)
Right = tuple[str, str, str]
JSONObject = dict[str, Any]


def used_rights(audit_log: Path, user: str) -> set[Right]:
    """What this user did with objects and was allowed to."""
    return {_right(event) for event in events_of(audit_log, user) if not _is_refused(event)}


def refused_rights(audit_log: Path, user: str) -> set[Right]:
    """What this user tried and may not."""
    return {_right(event) for event in events_of(audit_log, user) if _is_refused(event)}


def granted_rights(roles: Iterable[Mapping[str, Any]]) -> set[Right]:
    """What Roles and ClusterRoles allow."""
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def events_of(audit_log: Path, user: str) -> Iterator[JSONObject]:
    """What this user did with objects, or tried to."""
    with audit_log.open() as lines:
        for line in lines:
            if f'"{user}"' in line and line.endswith("\n"):  # else it is being written
                event = json.loads(line)
                if event["user"].get("username") == user and "resource" in event.get("objectRef", {}):
                    yield event


def _is_refused(event: JSONObject) -> bool:
    decision: str = event.get("annotations", {}).get("authorization.k8s.io/decision", "")
    return decision == "forbid"


def _right(event: JSONObject) -> Right:
    target = event["objectRef"]
    resource = "/".join(filter(None, (target["resource"], target.get("subresource", ""))))
    return target.get("apiGroup", ""), resource, event["verb"]
