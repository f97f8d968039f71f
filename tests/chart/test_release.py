"""Install, upgrade and uninstall on a real API server: what comes, what goes, and above all what stays.

No operator works here: test_operator_release.py has one.
"""

import json

import pytest
from support.run_bodies import run_body
from testbed.kubernetes.client_tools import CommandError
from testbed.kubernetes.crd import CRD, NAME, wait_until_established
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(900)  # the first one starts the control plane


def job_of(run):
    """A Job that goes when the run goes."""
    owner = {key: run[key] for key in ("apiVersion", "kind")}
    owner |= {key: run["metadata"][key] for key in ("name", "uid")} | {"controller": True}
    container = {"name": "trainer", "image": "trainer", "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    metadata = {"name": "expert", "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": {"backoffLimit": 0, "template": template}}


def crd(namespace):
    return json.loads(namespace.kubectl("get", "crd", NAME, "--output", "json"))


def has_operator(namespace):
    return "deployment.apps/ops-collectiverun-operator" in namespace.names("deployments")


@pytest.fixture
def run_and_job(namespace):
    """Makes a run with a Job; gives a function that tells their UIDs, and the Pod's."""

    def make():
        wait_until_established(namespace.kubectl)
        run = namespace.create_object("collectiveruns", run_body())
        namespace.create_object("jobs", job_of(run))
        eventually(lambda: len(uids()) == 3, "the Job has a Pod")
        return uids

    def uids():
        found = json.loads(namespace.kubectl("get", "collectiveruns,jobs,pods", "--output", "json"))["items"]
        ours = [item for item in found if "operator" not in item["metadata"]["name"]]
        return {item["kind"]: item["metadata"]["uid"] for item in ours}

    return make


def test_install_upgrade_and_uninstall_leave_definition_runs_and_jobs_alone(namespace, run_and_job):
    notes = namespace.install()
    assert f"kubectl -n {namespace.name} rollout status deployment/ops-collectiverun-operator" in notes
    uids = run_and_job()
    before, definition = uids(), crd(namespace)["metadata"]["uid"]

    namespace.install("logFormat=text", "pacing.workers=2", verb="upgrade")
    assert has_operator(namespace)
    assert uids() == before

    namespace.helm("uninstall", "ops", "--wait")
    assert namespace.names("deployment,lease,service,role,rolebinding") == set()
    assert not [
        name for name in namespace.names("clusterroles,clusterrolebindings") if namespace.name in name
    ]
    assert uids() == before
    assert crd(namespace)["metadata"]["uid"] == definition


def test_the_same_release_takes_the_kept_definition_up_again(namespace, run_and_job):
    namespace.install()
    uids = run_and_job()
    before = uids()
    namespace.helm("uninstall", "ops")
    namespace.install()
    assert uids() == before


def test_an_upgrade_that_gives_the_definition_up_does_not_delete_it(namespace, run_and_job):
    namespace.install()
    uids = run_and_job()
    before = uids()
    namespace.install("crd.install=false", verb="upgrade")
    assert uids() == before


def test_an_upgrade_brings_the_definition_of_the_chart(namespace):
    namespace.install()
    namespace.kubectl(
        "patch", "crd", NAME, "--type=json", '--patch=[{"op": "remove", "path": "/spec/names/shortNames"}]'
    )
    namespace.install("logFormat=text", "--force-conflicts", verb="upgrade")
    assert crd(namespace)["spec"]["names"]["shortNames"] == ["crun"]


def test_another_release_takes_a_kept_definition_only_when_told_to(namespace):
    namespace.install()
    with pytest.raises(CommandError, match="cannot be imported into the current release"):
        namespace.install(release="other")
    namespace.helm("uninstall", "ops")
    namespace.install("--take-ownership", release="other")
    owner = crd(namespace)["metadata"]["annotations"]["meta.helm.sh/release-name"]
    assert owner == "other"


def test_two_namespaced_releases_share_one_definition_and_stay_apart(namespace, second_namespace):
    namespace.install(f"watchNamespaces={{{namespace.name}}}")
    second_namespace.install(f"watchNamespaces={{{second_namespace.name}}}", "crd.install=false")
    ways = [(namespace, second_namespace), (second_namespace, namespace)]
    for own, _ in ways:
        own.wait_until_can(own.account, "create", "jobs")
    for own, other in ways:
        assert not other.can(own.account, "create", "jobs")
    second_namespace.helm("uninstall", "ops")
    assert has_operator(namespace)
    assert crd(namespace)


def test_full_rights_in_one_namespace_are_enough_for_a_namespaced_release(namespace):
    owner = f"owner-of-{namespace.name}"
    namespace.kubectl("create", "--filename", str(CRD))
    namespace.kubectl("create", "role", "owner", "--verb=*", "--resource=*.*")
    namespace.kubectl("create", "rolebinding", "owner", "--role=owner", f"--user={owner}")
    namespace.wait_until_can(owner, "create", "deployments.apps")
    values = (f"watchNamespaces={{{namespace.name}}}", "crd.install=false", "userRoles.create=false")
    namespace.install(*values, f"--kube-as-user={owner}")
    assert has_operator(namespace)


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        ("view", ["get", "list", "watch"], ["create", "patch", "delete"]),
        ("edit", ["get", "create", "patch", "delete"], []),
        ("admin", ["get", "create", "patch", "delete"], []),
    ],
)
def test_people_with_the_clusters_own_roles_get_runs(namespace, role, allowed, refused):
    namespace.install()
    user = f"{role}-of-{namespace.name}"
    namespace.kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}")
    for verb in allowed:
        namespace.wait_until_can(user, verb, NAME)
    assert not [verb for verb in refused if namespace.can(user, verb, NAME)]
    assert not namespace.can(user, "patch", NAME, "--subresource=status")
