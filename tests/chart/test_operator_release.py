"""The chart in a cluster where Pods run: the operator works with it, and runs outlive it."""

import json

import pytest
from behaviour.runs import a_scripted_run, s3_storage
from chart.audited_rights import granted_rights, refused_rights, used_rights
from chart.cluster_commands import ChartCommands
from chart.health_page import health_page
from cluster.commands import CommandError

RELEASE, NAME = "ops", "ops-collectiverun-operator"
# No GPU here, and figures as soon as there are any.
VALUES = (
    "crd.install=false",
    "defaultResources.limits=null",
    "pacing.figuresSeconds=1",
    "pacing.canarySeconds=1",
)


# Granted though a run's life may pass without it, and why.
SELDOM_USED = {
    ("", "pods", "get"): "asked only if a Job is seen to end before its Pod is",
    ("collectiverl.io", "collectiveruns/status", "get"): "no more than reading the run; goes with patch",
}


class Installation:
    """One release that serves its own namespace."""

    def __init__(self, cluster):
        self.cluster, self.namespace = cluster, cluster.namespace()
        self.commands = ChartCommands(cluster.kubeconfig, cluster.folder / "clients")
        self.account = f"system:serviceaccount:{self.namespace}:{NAME}"

    def install(self, *values, verb="install"):
        """Install or upgrade and wait until the operator is ready."""
        where = (f"watchNamespaces={{{self.namespace}}}",)
        self.commands.install(
            RELEASE, self.namespace, *VALUES, *where, *values, "--wait", "--timeout=240s", verb=verb
        )

    def uninstall(self):
        self.commands.helm("uninstall", RELEASE, "--namespace", self.namespace, "--wait")

    def kubectl(self, *words, stdin=None):
        return self.commands.kubectl("--namespace", self.namespace, *words, stdin=stdin)

    def items(self, kind, **labels):
        selector = ",".join(f"collectiverl.io/{key}={value}" for key, value in labels.items())
        return json.loads(self.kubectl("get", kind, "--selector", selector, "--output", "json"))["items"]

    def apply(self, body):
        self.kubectl("apply", "--filename", "-", stdin=json.dumps(body))
        return body["metadata"]["name"]

    def status(self, run):
        found = json.loads(self.kubectl("get", "collectiverun", run, "--output", "json"))
        return found.get("status", {})

    def runs(self):
        return self.commands.names("collectiveruns", "--namespace", self.namespace)

    def patch(self, run, **spec):
        self.kubectl("patch", "crun", run, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def wait_for_state(self, run, state):
        self.cluster.wait_for(f"{run} is {state}", lambda: self.status(run).get("state") == state)

    def running_pod(self, **labels):
        """The one Pod that runs, once it does."""

        def running():
            return [pod for pod in self.items("pods", **labels) if pod["status"].get("phase") == "Running"]

        return self.cluster.wait_for(f"a running Pod of {labels}", running)[0]

    def granted(self):
        return granted_rights(self.items("roles"))


@pytest.fixture
def installation(small_cluster):
    installation = Installation(small_cluster)
    installation.install()
    yield installation
    installation.kubectl("delete", "collectiveruns", "--all", "--wait=false")
    installation.commands.uninstall_all(installation.namespace)


def a_small_run(installation, name, **spec):
    storage = s3_storage(installation.cluster.object_store)
    return a_scripted_run(name, storage, **spec)


def test_running_jobs_go_on_through_upgrade_uninstall_and_a_new_installation(installation):
    run = installation.apply(a_small_run(installation, "steady"))
    first = installation.running_pod(run=run, phase="experts")
    installation.install("logFormat=text", verb="upgrade")
    second = installation.running_pod(run=run, phase="trajectoryTransformer")
    installation.uninstall()
    job = second["metadata"]["labels"]["job-name"]
    installation.kubectl("wait", "--for=condition=Complete", f"job/{job}", "--timeout=240s")
    installation.install()
    third = installation.running_pod(run=run, phase="onlineDistillation")
    installation.wait_for_state(run, "Running")
    members = members_of(installation.status(run))
    uids = [pod["metadata"]["uid"] for pod in (first, second, third)]
    assert [(member["attempt"], member["podUid"]) for member in members if "podUid" in member] == [
        (1, uid) for uid in uids
    ]


def members_of(status):
    return [member for phase in status["phases"] for member in phase["members"]]


def test_the_rights_granted_are_those_the_operator_uses(installation):
    """A life with everything in it: stopped, continued, robbed of a Job, failed, expired."""
    run = installation.apply(a_small_run(installation, "eventful"))
    installation.running_pod(run=run)
    installation.patch(run, suspend=True)
    installation.wait_for_state(run, "Suspended")
    installation.patch(run, suspend=False, runPolicy={"ttlSecondsAfterFinished": 1})
    robbed = installation.running_pod(run=run, attempt=2)
    installation.kubectl("delete", "job", "--wait=false", robbed["metadata"]["labels"]["job-name"])
    doomed = installation.running_pod(run=run, attempt=3)["metadata"]["name"]
    installation.kubectl("annotate", "pod", doomed, "testbed.collectiverl.io/fault=exit-3")
    installation.cluster.wait_for("the failed run has expired", lambda: not installation.runs())

    granted = installation.granted()
    installation.uninstall()  # a watch is written down when it ends

    def used():
        return used_rights(installation.cluster.audit_log, installation.account)

    installation.cluster.wait_for("the watches' ends", lambda: watches(granted) <= used())
    assert refused_rights(installation.cluster.audit_log, installation.account) == set()
    assert used() - granted == set()
    assert granted - used() <= set(SELDOM_USED)


def watches(rights):
    return {right for right in rights if right[2] == "watch"}


def test_helm_test_passes_with_the_operators_health_and_fails_with_it(installation):
    words = ("test", RELEASE, "--namespace", installation.namespace, "--timeout=120s")
    with health_page() as page:
        installation.install(*page.values, verb="upgrade")
        installation.commands.helm(*words)
        page.code = 503
        with pytest.raises(CommandError, match="failed"):
            installation.commands.helm(*words)
