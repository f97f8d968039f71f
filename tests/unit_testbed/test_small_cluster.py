"""The cluster as a whole: who may do what in it, and that nothing of it is left behind."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from testbed import ROOT
from testbed.cluster.example_run import example_run
from testbed.kubelet import SIMULATED
from testbed.kubelet.simulated_pod import ENV_STEPS, SECONDS_ANNOTATION
from testbed.kubernetes.audit_log import read_audit
from testbed.kubernetes.client_tools import CommandError
from testbed.kubernetes.control_plane import NOBODY
from testbed.waiting import eventually

from collectiverun_operator.cli.smoke import with_smoke_budgets

# Every wait of a test may take long on a busy machine, and the first one starts the cluster.
pytestmark = pytest.mark.timeout(900)
SCRIPT = """
import json, sys, time
from pathlib import Path
from unit_testbed.pods import PodNamespace, a_pod
from testbed.cluster.small_cluster import SmallCluster
from testbed.processes.left_running import servers_in

with SmallCluster(Path(sys.argv[1])) as cluster:
    pods = PodNamespace(cluster)
    pods.apply(a_pod("busy", "print(os.getpid()); time.sleep(3600)"))
    pods.wait_for_state("busy", "running")
    pids = [server.pid for server in servers_in(cluster.folder)]
    pids.append(cluster.operator(pods.namespace).pid)
    pids.append(int(cluster.wait_for("its number", lambda: pods.kubectl("logs", "busy").strip())))
    print(json.dumps(pids), flush=True)
    time.sleep(3600)
"""


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_session_that_is_killed_leaves_no_process_behind(tmp_path):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "cluster")]
    session = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    try:
        pids = json.loads(session.stdout.readline())
        assert len(pids) == 8  # etcd, three servers, S3, a node, an operator, and a container
        assert all(map(runs, pids))
    finally:
        session.send_signal(signal.SIGKILL)
        session.communicate()
    eventually(lambda: not any(map(runs, pids)), lambda: f"the end of {[pid for pid in pids if runs(pid)]}")


def test_a_stranger_may_do_nothing_and_the_audit_log_knows(small_cluster):
    stranger = str(small_cluster.control_plane.kubeconfig_of(NOBODY))
    with pytest.raises(CommandError, match="forbidden"):
        small_cluster.kubectl("--kubeconfig", stranger, "get", "collectiveruns")

    def look():
        return [one for one in read_audit(small_cluster.audit_log, user=NOBODY) if one.resource]

    (refused,) = eventually(look, "an audit event")
    assert (refused.verb, refused.code) == ("list", 403)


def test_an_operator_has_the_rights_of_its_own_namespace_only(small_cluster):
    home, elsewhere = small_cluster.namespace(), small_cluster.namespace()
    with small_cluster.operator(home):
        account = f"--as=system:serviceaccount:{home}:testbed-collectiverun-operator"
        may = ("auth", "can-i", "create", "jobs", account, "--namespace")
        assert small_cluster.kubectl(*may, home).strip() == "yes"
        with pytest.raises(CommandError):  # `can-i` says no by its exit code
            small_cluster.kubectl(*may, elsewhere)


def test_a_node_with_simulated_pods_lets_a_run_be_complete_and_end_as_asked(small_cluster):
    small_cluster.node("node-simulated", "--seconds", "1", "--taint", "simulated", pods=SIMULATED)
    namespace = small_cluster.namespace()
    body = with_smoke_budgets(example_run(small_cluster))
    body["spec"]["podTemplate"] = {
        "metadata": {"annotations": {SECONDS_ANNOTATION: "0.5"}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": "node-simulated"},
            "tolerations": [{"key": "simulated", "operator": "Exists"}],
        },
    }
    with small_cluster.operator(namespace):
        small_cluster.apply(body, namespace=namespace)
        name = ("collectiverun", body["metadata"]["name"], "--namespace", namespace)
        small_cluster.wait_for(
            "the run to be over",
            lambda: small_cluster.get(*name).get("status", {}).get("state") in ("Complete", "Failed"),
        )
    status = small_cluster.get(*name)["status"]
    assert (status["state"], status["progress"]) == ("Complete", "8/8")
    assert {m["envSteps"] for phase in status["phases"] for m in phase["members"]} == {ENV_STEPS}
    small_cluster.remove_node("node-simulated")
