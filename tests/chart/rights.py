"""Rights as (API group, resource or resource/subresource, verb): which somebody has, used, or was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from testbed.kubernetes.audit_log import read_audit

Right = tuple[str, str, str]


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


def used_rights(audit_log: Path, user: str) -> set[Right]:
    """What this user did with objects and was allowed to."""
    return _audited_rights(audit_log, user, is_forbidden=False)


def refused_rights(audit_log: Path, user: str) -> set[Right]:
    """What this user tried and may not."""
    return _audited_rights(audit_log, user, is_forbidden=True)


def _audited_rights(audit_log: Path, user: str, is_forbidden: bool) -> set[Right]:
    return {
        (request.group, request.resource, request.verb)
        for request in read_audit(audit_log, user=user)
        if request.resource and request.is_forbidden == is_forbidden
    }
