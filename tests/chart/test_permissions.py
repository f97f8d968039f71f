"""The operator's rights, as granted. test_audited_rights.py compares them with those it uses."""

import pytest
from chart.rendering import NAME, NAMESPACE, of_kind, render, the

# Anything more is a finding.
GRANTED = {
    ("collectiverl.io", "collectiveruns"): {"get", "list", "watch", "delete"},
    ("collectiverl.io", "collectiveruns/status"): {"get", "patch"},
    ("batch", "jobs"): {"get", "list", "watch", "create", "patch", "delete", "deletecollection"},
    ("", "pods"): {"get", "list", "watch"},
    ("", "pods/log"): {"get"},
    ("", "events"): {"list", "create"},
    ("kueue.x-k8s.io", "workloads"): {"list"},
    ("visibility.kueue.x-k8s.io", "localqueues/pendingworkloads"): {"get"},
    ("coordination.k8s.io", "leases"): {"list", "watch"},
}
ROLES = ("Role", "ClusterRole")
BINDINGS = ("RoleBinding", "ClusterRoleBinding")


def rights(role):
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def operator_roles(objects):
    return [role for kind in ROLES for role in of_kind(objects, kind) if "aggregate" not in str(role)]


def lease_rules(objects):
    return [
        rule for role in operator_roles(objects) for rule in role["rules"] if rule["resources"] == ["leases"]
    ]


def test_cluster_wide_by_one_cluster_role():
    objects = render()
    assert rights(the(objects, "ClusterRole", f"{NAMESPACE}:{NAME}")) == GRANTED
    assert [role["metadata"]["name"] for role in of_kind(objects, "Role")] == [f"{NAME}-lease"]


def test_namespaced_by_a_role_in_each_namespace_and_nothing_beyond():
    objects = render("watchNamespaces={one,two}")
    roles = [role for role in of_kind(objects, "Role") if role["metadata"]["name"] == NAME]
    assert {role["metadata"]["namespace"] for role in roles} == {"one", "two"}
    assert all(rights(role) == GRANTED for role in roles)
    assert not of_kind(objects, "ClusterRoleBinding")


@pytest.mark.parametrize("watched", ["", "{one,two}"])
def test_leases_are_reached_by_name_only_and_renewed_in_one_namespace(watched):
    objects = render(f"watchNamespaces={watched}" if watched else "crd.install=false")
    assert all(rule["resourceNames"] == [NAME] for rule in lease_rules(objects))
    renewing = the(objects, "Role", f"{NAME}-lease")
    assert rights(renewing) == {("coordination.k8s.io", "leases"): {"patch"}}
    assert renewing["metadata"]["namespace"] == the(objects, "Lease")["metadata"]["namespace"]


@pytest.mark.parametrize("watched", ["", "{one,two}"])
def test_no_wildcard_and_nothing_of_what_an_operator_should_not_see(watched):
    objects = render(f"watchNamespaces={watched}" if watched else "crd.install=false")
    for role in [role for kind in ROLES for role in of_kind(objects, kind)]:
        for (group, resource), verbs in rights(role).items():
            assert "*" not in (group, resource, *verbs)
            assert resource not in ("secrets", "configmaps", "nodes", "namespaces", "serviceaccounts")
            assert group not in ("rbac.authorization.k8s.io", "apiextensions.k8s.io")


@pytest.mark.parametrize("watched", ["", "{one,two}"])
def test_every_binding_is_of_an_own_role_to_the_operators_account(watched):
    objects = render(f"watchNamespaces={watched}" if watched else "crd.install=false")
    account = the(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
    roles = {
        (role["kind"], role["metadata"].get("namespace"), role["metadata"]["name"])
        for role in operator_roles(objects)
    }
    bound = set()
    for binding in [binding for kind in BINDINGS for binding in of_kind(objects, kind)]:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
        bound.add(
            (binding["roleRef"]["kind"], binding["metadata"].get("namespace"), binding["roleRef"]["name"])
        )
    assert bound == roles


def test_rights_can_be_left_to_somebody_else():
    objects = render("rbac.create=false", "userRoles.create=false")
    assert not [found for kind in ROLES + BINDINGS for found in of_kind(objects, kind)]


def test_people_get_runs_and_nothing_else_and_may_not_write_a_status():
    roles = [role for role in of_kind(render(), "ClusterRole") if "aggregate" in str(role)]
    marks = {role["metadata"]["name"].rsplit(":")[-1]: role for role in roles}
    assert set(marks) == {"edit", "view"}
    for role in roles:
        assert set(rights(role)) == {
            ("collectiverl.io", "collectiveruns"),
            ("collectiverl.io", "collectiveruns/status"),
        }
        assert rights(role)[("collectiverl.io", "collectiveruns/status")] == {"get"}
    assert rights(marks["view"])[("collectiverl.io", "collectiveruns")] == {"get", "list", "watch"}
    aggregated = marks["view"]["metadata"]["labels"]
    assert "rbac.authorization.k8s.io/aggregate-to-edit" not in aggregated
