"""Rights that are missing: the operator says which, and ends without a traceback."""

from __future__ import annotations

import pytest
from kopf._cogs.clients.errors import APIForbiddenError, APIServerError
from operator_service.operators import ended
from operator_service.workplace import Workplace
from testbed.control_plane import NOBODY
from testbed.waiting import eventually

from collectiverun_operator.controller.access import withdrawn_right

WATCHED = {
    "CollectiveRun": ("collectiverl.io", "collectiveruns"),
    "Job": ("batch", "jobs"),
    "Pod": ("", "pods"),
}
READING = ["get", "list", "watch"]
LEASES = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": [*READING, "patch"]}


def grant(workplace: Workplace, kinds: set[str]) -> None:
    """Let the nobody of this API server read these kinds in the namespace, and renew the canary."""
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": READING}
        for group, resource in (WATCHED[kind] for kind in sorted(kinds))
    ]
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "operator"}}
    role = {"kind": "Role", "name": "operator", "apiGroup": "rbac.authorization.k8s.io"}
    user = {"kind": "User", "name": NOBODY, "apiGroup": "rbac.authorization.k8s.io"}
    workplace.apply(rbac | {"kind": "Role", "rules": [*rules, LEASES]})
    workplace.apply(rbac | {"kind": "RoleBinding", "roleRef": role, "subjects": [user]})


def may_list(workplace: Workplace, kind: str) -> bool:
    """Whether the API server has taken the rights in."""
    group, resource = WATCHED[kind]
    return workplace.does("auth", "can-i", "list", f"{resource}.{group}".strip("."), "--as", NOBODY)


@pytest.mark.parametrize("missing", WATCHED)
def test_each_right_that_is_missing_is_told_at_once(workplace: Workplace, missing: str) -> None:
    held = set(WATCHED) - {missing}
    grant(workplace, held)
    eventually(lambda: all(may_list(workplace, kind) for kind in held))
    nobody = workplace.control_plane.kubeconfig_of(NOBODY)
    code, said = ended(workplace.operator(kubeconfig=nobody))
    assert code == 1
    assert f"may not list {missing}s in namespace {workplace.namespace}" in said
    assert "install the chart's roles" in said


def test_what_a_watch_was_refused_is_a_sentence() -> None:
    """Kopf asks for a minute and a half before it gives a watch up, so its last error is made here."""
    said = {"message": 'pods is forbidden: User "operator" cannot watch resource "pods"', "code": 403}
    told = withdrawn_right(APIForbiddenError(said, status=403, headers={}))
    assert told is not None
    assert "may no longer watch: pods is forbidden" in told
    assert "install or upgrade the chart" in told


def test_another_error_of_a_watch_is_no_matter_of_rights() -> None:
    assert withdrawn_right(APIServerError("gone", status=500, headers={})) is None
    assert withdrawn_right(RuntimeError("gone")) is None
