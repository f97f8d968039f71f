"""Rights that are missing: the operator says which, and ends without a traceback."""

from __future__ import annotations

import pytest
from kopf._cogs.clients.errors import APIForbiddenError, APINotFoundError, APIServerError
from operator_service.operator_processes import end_of, new_operator
from support.namespace import Namespace
from testbed.kubernetes.control_plane import NOBODY
from testbed.waiting import eventually

from collectiverun_operator.controller.access import refused_watch

WATCHED = {
    "CollectiveRun": ("collectiverl.io", "collectiveruns"),
    "Job": ("batch", "jobs"),
    "Pod": ("", "pods"),
}
READING = ["get", "list", "watch"]
LEASES = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": [*READING, "patch"]}


def grant(namespace: Namespace, kinds: set[str]) -> None:
    """Let the nobody of this API server read these kinds in the namespace, and renew the canary."""
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": READING}
        for group, resource in (WATCHED[kind] for kind in sorted(kinds))
    ]
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "operator"}}
    role = {"kind": "Role", "name": "operator", "apiGroup": "rbac.authorization.k8s.io"}
    user = {"kind": "User", "name": NOBODY, "apiGroup": "rbac.authorization.k8s.io"}
    namespace.apply(rbac | {"kind": "Role", "rules": [*rules, LEASES]})
    namespace.apply(rbac | {"kind": "RoleBinding", "roleRef": role, "subjects": [user]})


def may_list(namespace: Namespace, kind: str) -> bool:
    """Whether the API server has taken the rights in."""
    group, resource = WATCHED[kind]
    return namespace.succeeds("auth", "can-i", "list", f"{resource}.{group}".strip("."), "--as", NOBODY)


@pytest.mark.parametrize("missing", WATCHED)
def test_each_right_that_is_missing_is_told_at_once(namespace: Namespace, missing: str) -> None:
    held = set(WATCHED) - {missing}
    grant(namespace, held)
    eventually(lambda: all(may_list(namespace, kind) for kind in held))
    nobody = namespace.control_plane.kubeconfig_of(NOBODY)
    code, said = end_of(new_operator(namespace, kubeconfig=nobody))
    assert code == 1
    assert f"may not list {missing}s in namespace {namespace.name}" in said
    assert "install the chart's roles" in said


def test_what_a_watch_was_refused_is_a_sentence() -> None:
    """Kopf asks for a minute and a half before it gives a watch up, so its last error is made here."""
    said = {"message": 'pods is forbidden: User "operator" cannot watch resource "pods"', "code": 403}
    told = refused_watch(APIForbiddenError(said, status=403, headers={}))
    assert told is not None
    assert "may no longer watch: pods is forbidden" in told
    assert "install or upgrade the chart" in told


def test_a_definition_that_was_deleted_under_the_operator_is_a_sentence() -> None:
    told = refused_watch(APINotFoundError("404 page not found", status=404, headers={}))
    assert told is not None
    assert "no longer knows what is watched; run `kubectl apply -f crds/collectiveruns.yaml`" in told


def test_another_error_of_a_watch_is_no_matter_of_rights() -> None:
    assert refused_watch(APIServerError("gone", status=500, headers={})) is None
    assert refused_watch(RuntimeError("gone")) is None
