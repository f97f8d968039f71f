"""The chart in a cluster where Pods run: the operator works with it, and runs outlive it."""

import pytest
from chart.chart_namespace import ChartNamespace
from chart.health_page import HealthPage
from chart.rendering import NAME, RELEASE
from chart.rights import granted_rights, refused_rights, used_rights
from support.live_run import HELD
from support.run_bodies import scripted_run_body
from testbed.cluster.example_run import s3_storage
from testbed.kubernetes.client_tools import CommandError
from testbed.waiting import eventually

# Helm waits, Pods start one after the other, and the first test starts the cluster.
pytestmark = pytest.mark.timeout(1200)
# A small machine without a GPU, and progress as soon as there is any.
VALUES = (
    "crd.install=false",
    "defaultResources=null",
    "pacing.figuresSeconds=1",
    "pacing.canarySeconds=1",
    "networkPolicy.enabled=true",
    "podDisruptionBudget.enabled=true",
)
LOGS_READ = ("", "pods/log", "get")
EVENTS_READ = ("", "events", "list")
JOBS_PATCHED = ("batch", "jobs", "patch")
WORKLOADS_READ = ("kueue.x-k8s.io", "workloads", "list")
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "full"},
    "spec": {"hard": {"count/pods": "0"}},
}
# Granted though a run's life may pass without it, and why.
SELDOM_USED = {
    ("batch", "jobs", "deletecollection"): "asked only when a phase of several members is done",
    ("", "pods", "get"): "asked only if a Job is seen to end before its Pod is",
    (
        "visibility.kueue.x-k8s.io",
        "localqueues/pendingworkloads",
        "get",
    ): "asked only where Kueue's Workloads are",
    ("collectiverl.io", "collectiveruns/status", "get"): "no more than reading the run; goes with patch",
}


class Installation(ChartNamespace):
    """One release that serves its own namespace."""

    def install_and_wait(self, *values, verb="install"):
        """Install or upgrade and wait until the operator is ready."""
        where = f"watchNamespaces={{{self.name}}}"
        self.install(*VALUES, where, *values, "--wait", "--timeout=600s", verb=verb)

    def stop_operator(self):
        """End it in order, with its rights still there."""
        self.kubectl("scale", "deployment", NAME, "--replicas=0")
        selector = "app.kubernetes.io/component=operator"
        eventually(lambda: not self.names("pods", "--selector", selector), "the operator's end")

    def used_rights(self):
        """Rights that the operator has used so far, as far as it is written down."""
        return used_rights(self.control_plane.audit_log, self.account)


@pytest.fixture
def installation(small_cluster):
    installation = Installation.create_in(small_cluster, "release")
    installation.install_and_wait()
    yield installation
    installation.kubectl("delete", "collectiveruns", "--all", "--wait=false")
    installation.uninstall_all()


def apply_small_run(cluster, installation, name):
    """Its Pods are held; one that hangs hears no SIGTERM, and has little time."""
    policy = {"terminationGracePeriodSeconds": 1}
    storage = s3_storage(cluster.object_store)
    return installation.apply_run(scripted_run_body(name, storage, podTemplate=HELD, runPolicy=policy))


def test_running_jobs_go_on_through_upgrade_uninstall_and_a_new_installation(small_cluster, installation):
    run = apply_small_run(small_cluster, installation, "steady")
    first = run.wait_for_pod()
    installation.install_and_wait("logFormat=text", verb="upgrade")
    run.release(first)
    second = run.wait_for_pod(phase="trajectoryTransformer")
    installation.helm("uninstall", RELEASE, "--wait")
    run.release(second)
    job = second["metadata"]["labels"]["job-name"]
    installation.kubectl("wait", "--for=condition=Complete", f"job/{job}", "--timeout=240s")
    installation.install_and_wait()
    third = run.wait_for_pod(phase="onlineDistillation")
    status = run.wait(lambda status: len(started_members(status)) >= 3, "three Pods in the status")
    assert started_members(status) == [(1, pod["metadata"]["uid"]) for pod in (first, second, third)]
    run.wait_for_state("Running")


def started_members(status):
    """Attempt and Pod of each member that was started."""
    members = [member for phase in status["phases"] for member in phase["members"]]
    return [(member["attempt"], member["podUid"]) for member in members if "podUid" in member]


def test_the_rights_granted_are_those_the_operator_uses(small_cluster, installation):
    """A life with everything in it: stopped, continued, held, robbed of a Job, refused, failed, expired."""
    run = apply_small_run(small_cluster, installation, "eventful")
    run.wait_for_pod()
    eventually(lambda: LOGS_READ in installation.used_rights(), "a look into its log")
    run.change(suspend=True)
    run.wait_for_state("Suspended")
    run.change(suspend=False, runPolicy={"ttlSecondsAfterFinished": 1})
    robbed = run.wait_for_pod(attempt=2)
    hold_for_a_while(installation, run)
    installation.apply(QUOTA)
    installation.kubectl("delete", "job", "--wait=false", robbed["metadata"]["labels"]["job-name"])
    eventually(lambda: EVENTS_READ in installation.used_rights(), "a look for what keeps its Pod")
    installation.kubectl("delete", "resourcequota", "full")
    run.fault(run.wait_for_pod(attempt=3), "exit-3")
    run.wait_until(lambda: not run.exists, "the failed run has expired")

    granted = granted_rights(installation.list("roles"))
    installation.stop_operator()  # a watch is written down when it ends
    eventually(lambda: watches(granted) <= installation.used_rights(), "the watches' ends")
    assert refused_rights(small_cluster.audit_log, installation.account) == set()
    assert installation.used_rights() - granted == set()
    assert granted - installation.used_rights() <= set(SELDOM_USED)


def hold_for_a_while(installation, run):
    """Somebody suspends its Job, and lets it go when the operator has given it a queue and asked for news."""
    (job,) = [job for job in run.jobs() if not job["status"].get("conditions")]
    suspend = ("patch", "job", job["metadata"]["name"], "--type", "merge", "--patch")
    installation.kubectl(*suspend, '{"spec": {"suspend": true}}')
    run.wait_for_state("Queued")
    installation.kubectl("label", "crun", run.name, "kueue.x-k8s.io/queue-name=any")
    eventually(lambda: installation.used_rights() >= {JOBS_PATCHED, WORKLOADS_READ}, "a look at the queue")
    installation.kubectl(*suspend, '{"spec": {"suspend": false}}')
    run.wait_for_state("Running")


def watches(rights):
    return {right for right in rights if right[2] == "watch"}


def test_helm_test_passes_with_the_operators_health_and_fails_with_it(installation):
    with HealthPage() as page:
        installation.install_and_wait(*page.values, verb="upgrade")
        installation.helm("test", RELEASE, "--timeout=240s")
        page.code = 503
        with pytest.raises(CommandError, match="failed"):
            installation.helm("test", RELEASE, "--timeout=240s")
