"""The chart in a cluster where Pods run: the operator works with it, and runs outlive it."""

import json

import pytest
from behaviour.runs import a_scripted_run, s3_storage
from chart.audited_rights import granted_rights, refused_rights, used_rights
from chart.cluster_commands import ChartCommands
from chart.health_page import health_page
from testbed.kubernetes.client_tools import CommandError

RELEASE, NAME = "ops", "ops-collectiverun-operator"
# No GPU here, and figures as soon as there are any.
VALUES = (
    "crd.install=false",
    "defaultResources.limits=null",
    "pacing.figuresSeconds=1",
    "pacing.canarySeconds=1",
)


# Helm waits, Pods start one after the other, and the first test starts the cluster.
pytestmark = pytest.mark.timeout(1200)
FAULT = "testbed.collectiverl.io/fault"
# A Pod does nothing until it is released: on a busy machine a phase may else be over before it is looked at.
HELD = {"metadata": {"annotations": {FAULT: "hang"}}}
LOGS_READ = ("", "pods/log", "get")
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
            RELEASE, self.namespace, *VALUES, *where, *values, "--wait", "--timeout=600s", verb=verb
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

    def release(self, pod):
        """Let a Pod that is held do its work."""
        self.kubectl("annotate", "pod", pod["metadata"]["name"], f"{FAULT}-")

    def stop_operator(self):
        """End it in order, with its rights still there."""
        self.kubectl("scale", "deployment", NAME, "--replicas=0")
        self.cluster.wait_for("the operator's end", lambda: not self.operator_pods())

    def operator_pods(self):
        mark = "app.kubernetes.io/component=operator"
        return self.commands.names("pods", "--namespace", self.namespace, "--selector", mark)

    def used(self):
        """Rights that the operator has used so far, as far as it is written down."""
        return used_rights(self.cluster.audit_log, self.account)

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
    """Its Pods are held; one that hangs hears no SIGTERM, and has little time."""
    storage = s3_storage(installation.cluster.object_store)
    policy = {"terminationGracePeriodSeconds": 1}
    return a_scripted_run(name, storage, podTemplate=HELD, runPolicy=policy, **spec)


def test_running_jobs_go_on_through_upgrade_uninstall_and_a_new_installation(installation):
    run = installation.apply(a_small_run(installation, "steady"))
    first = installation.running_pod(run=run, phase="experts")
    installation.install("logFormat=text", verb="upgrade")
    installation.release(first)
    second = installation.running_pod(run=run, phase="trajectoryTransformer")
    installation.uninstall()
    installation.release(second)
    job = second["metadata"]["labels"]["job-name"]
    installation.kubectl("wait", "--for=condition=Complete", f"job/{job}", "--timeout=240s")
    installation.install()
    third = installation.running_pod(run=run, phase="onlineDistillation")
    members = installation.cluster.wait_for("three Pods in the status", lambda: started(installation, run, 3))
    assert members == [(1, pod["metadata"]["uid"]) for pod in (first, second, third)]
    installation.wait_for_state(run, "Running")


def started(installation, run, count):
    """Attempt and Pod of each member that was started, as soon as there are so many."""
    phases = installation.status(run)["phases"]
    members = [member for phase in phases for member in phase["members"] if "podUid" in member]
    return len(members) >= count and [(member["attempt"], member["podUid"]) for member in members]


def test_the_rights_granted_are_those_the_operator_uses(installation):
    """A life with everything in it: stopped, continued, robbed of a Job, failed, expired."""
    run = installation.apply(a_small_run(installation, "eventful"))
    installation.running_pod(run=run)
    installation.cluster.wait_for("a look into its log", lambda: LOGS_READ in installation.used())
    installation.patch(run, suspend=True)
    installation.wait_for_state(run, "Suspended")
    installation.patch(run, suspend=False, runPolicy={"ttlSecondsAfterFinished": 1})
    robbed = installation.running_pod(run=run, attempt=2)
    installation.kubectl("delete", "job", "--wait=false", robbed["metadata"]["labels"]["job-name"])
    doomed = installation.running_pod(run=run, attempt=3)["metadata"]["name"]
    installation.kubectl("annotate", "pod", doomed, f"{FAULT}=exit-3", "--overwrite")
    installation.cluster.wait_for("the failed run has expired", lambda: not installation.runs())

    granted = installation.granted()
    installation.stop_operator()  # a watch is written down when it ends
    installation.cluster.wait_for("the watches' ends", lambda: watches(granted) <= installation.used())
    assert refused_rights(installation.cluster.audit_log, installation.account) == set()
    assert installation.used() - granted == set()
    assert granted - installation.used() <= set(SELDOM_USED)


def watches(rights):
    return {right for right in rights if right[2] == "watch"}


def test_helm_test_passes_with_the_operators_health_and_fails_with_it(installation):
    words = ("test", RELEASE, "--namespace", installation.namespace, "--timeout=240s")
    with health_page() as page:
        installation.install(*page.values, verb="upgrade")
        installation.commands.helm(*words)
        page.code = 503
        with pytest.raises(CommandError, match="failed"):
            installation.commands.helm(*words)
