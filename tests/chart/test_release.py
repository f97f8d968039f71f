"""Install, upgrade and uninstall on a real API server: what comes, what goes, and above all what stays.

No operator works here: test_operator_release.py has one.
"""

import pytest
from chart.cluster_commands import CRD
from chart.rendering import REPOSITORY
from chart.runs import GROUP, a_job_of, a_run
from testbed.kubernetes.client_tools import CommandError
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(900)  # the first one starts the control plane
CRD_FILE = REPOSITORY / "crds" / "collectiveruns.yaml"


@pytest.fixture
def run_and_job(clients, namespace):
    """Makes a run with a Job; gives a function that tells their UIDs, and the Pod's."""

    def make():
        clients.wait_for_definition()
        clients.create(a_run(namespace))
        clients.create(a_job_of(clients.get("collectiverun", "first", "--namespace", namespace)))
        eventually(lambda: len(uids()) == 3, "the Job has a Pod")
        return uids

    def uids():
        found = clients.get("collectiveruns,jobs,pods", "--namespace", namespace)["items"]
        ours = [item for item in found if "operator" not in item["metadata"]["name"]]
        return {item["kind"]: item["metadata"]["uid"] for item in ours}

    return make


def test_install_upgrade_and_uninstall_leave_definition_runs_and_jobs_alone(clients, namespace, run_and_job):
    notes = clients.install("ops", namespace)
    assert f"kubectl -n {namespace} rollout status deployment/ops-collectiverun-operator" in notes
    uids = run_and_job()
    before, definition = uids(), clients.get("crd", CRD)["metadata"]["uid"]

    clients.install("ops", namespace, "logFormat=text", "pacing.workers=2", verb="upgrade")
    assert clients.get("deployment", "ops-collectiverun-operator", "--namespace", namespace)["spec"]
    assert uids() == before

    clients.helm("uninstall", "ops", "--namespace", namespace, "--wait")
    assert clients.names("deployment,lease,service,role,rolebinding", "--namespace", namespace) == set()
    assert not [name for name in clients.names("clusterroles,clusterrolebindings") if namespace in name]
    assert uids() == before
    assert clients.get("crd", CRD)["metadata"]["uid"] == definition


def test_the_same_release_takes_the_kept_definition_up_again(clients, namespace, run_and_job):
    clients.install("ops", namespace)
    uids = run_and_job()
    before = uids()
    clients.helm("uninstall", "ops", "--namespace", namespace)
    clients.install("ops", namespace)
    assert uids() == before


def test_an_upgrade_that_gives_the_definition_up_does_not_delete_it(clients, namespace, run_and_job):
    clients.install("ops", namespace)
    uids = run_and_job()
    before = uids()
    clients.install("ops", namespace, "crd.install=false", verb="upgrade")
    assert uids() == before


def test_an_upgrade_brings_the_definition_of_the_chart(clients, namespace):
    clients.install("ops", namespace)
    clients.kubectl(
        "patch", "crd", CRD, "--type=json", '--patch=[{"op": "remove", "path": "/spec/names/shortNames"}]'
    )
    clients.install("ops", namespace, "logFormat=text", "--force-conflicts", verb="upgrade")
    assert clients.get("crd", CRD)["spec"]["names"]["shortNames"] == ["crun"]


def test_another_release_takes_a_kept_definition_only_when_told_to(clients, namespace):
    clients.install("ops", namespace)
    with pytest.raises(CommandError, match="cannot be imported into the current release"):
        clients.install("other", namespace)
    clients.helm("uninstall", "ops", "--namespace", namespace)
    clients.install("other", namespace, "--take-ownership")
    owner = clients.get("crd", CRD)["metadata"]["annotations"]["meta.helm.sh/release-name"]
    assert owner == "other"


def test_two_namespaced_releases_share_one_definition_and_stay_apart(clients, namespace, second_namespace):
    clients.install("ops", namespace, f"watchNamespaces={{{namespace}}}")
    clients.install("ops", second_namespace, f"watchNamespaces={{{second_namespace}}}", "crd.install=false")
    ways = [(namespace, second_namespace), (second_namespace, namespace)]
    account = "system:serviceaccount:{}:ops-collectiverun-operator".format
    for own, _ in ways:
        clients.wait_until_can(account(own), "create", "jobs", "--namespace", own)
    for own, other in ways:
        assert not clients.can(account(own), "create", "jobs", "--namespace", other)
    clients.helm("uninstall", "ops", "--namespace", second_namespace)
    assert clients.get("deployment", "ops-collectiverun-operator", "--namespace", namespace)
    assert clients.get("crd", CRD)


def test_full_rights_in_one_namespace_are_enough_for_a_namespaced_release(clients, namespace):
    owner = f"owner-of-{namespace}"
    clients.kubectl("create", "--filename", str(CRD_FILE))
    clients.kubectl("create", "role", "owner", "--verb=*", "--resource=*.*", "--namespace", namespace)
    clients.kubectl(
        "create", "rolebinding", "owner", "--role=owner", f"--user={owner}", "--namespace", namespace
    )
    clients.wait_until_can(owner, "create", "deployments.apps", "--namespace", namespace)
    values = (f"watchNamespaces={{{namespace}}}", "crd.install=false", "userRoles.create=false")
    clients.install("ops", namespace, *values, "--kube-as-user", owner)
    assert clients.get("deployment", "ops-collectiverun-operator", "--namespace", namespace)


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        ("view", ["get", "list", "watch"], ["create", "patch", "delete"]),
        ("edit", ["get", "create", "patch", "delete"], []),
        ("admin", ["get", "create", "patch", "delete"], []),
    ],
)
def test_people_with_the_clusters_own_roles_get_runs(clients, namespace, role, allowed, refused):
    clients.install("ops", namespace)
    user = f"{role}-of-{namespace}"
    words = ("rolebinding", user, f"--clusterrole={role}", f"--user={user}", "--namespace", namespace)
    clients.kubectl("create", *words)
    where = (f"collectiveruns.{GROUP}", "--namespace", namespace)
    for verb in allowed:
        clients.wait_until_can(user, verb, *where)
    assert not [verb for verb in refused if clients.can(user, verb, *where)]
    assert not clients.can(user, "patch", *where, "--subresource=status")
