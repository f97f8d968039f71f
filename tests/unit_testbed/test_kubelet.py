"""The kubelet with processes reports the truth to the API server: the other tests rely on it."""

import json
import subprocess
import sys

import pytest
from testbed.cluster.small_cluster import SECRET
from testbed.kubelet.faults import ANNOTATION
from testbed.programs.binaries import kubectl
from unit_testbed.pods import a_pod

# Every wait of a test may take long on a busy machine, and the first one starts the cluster.
pytestmark = pytest.mark.timeout(900)
# A container that waits for the test: what it has to be caught at is not over before it is.
UNTIL_THERE = "\nwhile not os.path.exists({!r}): time.sleep(0.1)\n"


def variable(variable_name, kind, **reference):
    return {"name": variable_name, "valueFrom": {kind: reference}}


def test_a_container_gets_its_variables_and_leaves_exit_code_and_message(pods):
    env = [
        variable("KEY", "secretKeyRef", name=SECRET, key="AWS_ACCESS_KEY_ID"),
        variable("NONE", "secretKeyRef", name=SECRET, key="AWS_SESSION_TOKEN", optional=True),
        variable("UID", "fieldRef", fieldPath="metadata.uid"),
        {"name": "BOTH", "value": "$(KEY)/$$(KEY)"},
    ]
    script = "open(os.environ['COLLECTIVERUN_RESULT_PATH'], 'w').write(str(list(map(os.environ.get, names))))"
    names = ["KEY", "NONE", "UID", "BOTH", "AWS_SECRET_ACCESS_KEY"]
    pods.apply(a_pod("variables", f"names = {names}; {script}", container={"env": env}))
    ended = pods.wait_for_state("variables", "terminated")
    key = pods.cluster.object_store.access_key
    uid = pods.kubectl("get", "pod", "variables", "--output", "jsonpath={.metadata.uid}")
    assert ended["message"] == str([key, None, uid, f"{key}/$(KEY)", None])
    assert (ended["exitCode"], pods.status("variables")["phase"]) == (0, "Succeeded")


def test_a_failure_without_a_message_tells_the_end_of_its_log(pods):
    pods.apply(a_pod("failing", "print('first'); print('the reason'); sys.exit(4)"))
    ended = pods.wait_for_state("failing", "terminated")
    assert (ended["exitCode"], ended["reason"]) == (4, "Error")
    assert ended["message"].endswith("the reason")
    assert pods.status("failing")["phase"] == "Failed"


def follow(pods, name):
    """`kubectl logs --follow`, to be read line by line."""
    command = [str(kubectl()), "--namespace", pods.namespace, "logs", name, "--follow"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=pods.cluster.environment)


def test_kubectl_logs_tells_all_or_the_end_or_a_part_and_follows(pods, signal_file):
    # The times of the second line and the third are in different seconds, whoever is paused in between.
    rest = f"{UNTIL_THERE.format(str(signal_file))}time.sleep(1.5); print('three')"
    pods.apply(a_pod("talking", f"print('one'); print('two'){rest}"))
    pods.wait_for_log("talking", "one", "two")
    with follow(pods, "talking") as following:
        assert [following.stdout.readline() for _ in range(2)] == ["one\n", "two\n"]
        signal_file.touch()
        assert following.stdout.read() == "three\n"
    assert pods.kubectl("logs", "talking", "--tail=1").split() == ["three"]
    assert pods.kubectl("logs", "talking", "--limit-bytes=5") == "one\nt"
    assert "three" in pods.kubectl("logs", "talking", "--since=1h", "--timestamps")
    last = pods.kubectl("logs", "talking", "--timestamps", "--tail=1").split()[0]
    assert pods.kubectl("logs", "talking", f"--since-time={last}").split() == ["three"]


def test_a_container_that_can_not_start_waits_and_says_why(pods):
    env = [variable("KEY", "secretKeyRef", name="nowhere", key="key")]
    pods.apply(
        a_pod("no-image", container={"image": "registry.example/none:1"}),
        a_pod("no-secret", "print('found')", container={"env": env}),
    )
    pods.wait_for_reason("no-image", "ImagePullBackOff")
    pods.wait_for_reason("no-secret", "CreateContainerConfigError")
    assert pods.state("no-secret")["waiting"]["message"] == 'secret "nowhere" not found'
    pods.kubectl("create", "secret", "generic", "nowhere", "--from-literal=key=value")
    assert pods.wait_for_state("no-secret", "terminated")["exitCode"] == 0
    pods.kubectl("delete", "pod", "no-image")
    pods.wait_until_gone("no-image")


def test_a_command_that_is_not_there_is_a_start_error(pods):
    pods.apply(a_pod("no-command", container={"command": ["no-such-program"]}))
    assert pods.wait_for_state("no-command", "terminated")["reason"] == "StartError"


def test_what_fits_on_no_node_is_unschedulable(pods):
    limits = {"limits": {"nvidia.com/gpu": 1}}
    pods.apply(a_pod("greedy", container={"resources": limits}))

    def reason():
        conditions = pods.status("greedy").get("conditions", [])
        return [c for c in conditions if c.get("reason") == "Unschedulable"]

    (condition,) = pods.cluster.wait_for("the scheduler's verdict", reason)
    assert "Insufficient nvidia.com/gpu" in condition["message"]
    pods.kubectl("delete", "pod", "greedy")


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [("oom", 137, "OOMKilled"), ("exit-3", 3, "Error"), ("evict", 137, "Error")],
)
def test_a_fault_meets_a_pod_at_its_start_or_while_it_runs(pods, fault, code, reason):
    early, late = f"early-{fault}", f"late-{fault}"
    pods.apply(a_pod(early, fault=fault), a_pod(late))
    pods.wait_for_state(late, "running")
    pods.kubectl("annotate", "pod", late, f"{ANNOTATION}={fault}")
    for name in (early, late):
        ended = pods.wait_for_state(name, "terminated")
        assert (ended["exitCode"], ended["reason"]) == (code, reason)
        status = pods.status(name)
        assert (status["phase"], status.get("reason")) == ("Failed", "Evicted" if fault == "evict" else None)


def test_deletion_asks_first_and_kills_after_the_grace_period(pods, tmp_path):
    asked, done = tmp_path / "asked", tmp_path / "done"
    polite = (
        f"signal.signal(signal.SIGTERM, lambda *_: open({str(asked)!r}, 'w')); print('ready')"
        f"{UNTIL_THERE.format(str(asked))}time.sleep(2); open({str(done)!r}, 'w')"
    )
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(3600)"
    pods.apply(a_pod("polite", polite), a_pod("deaf", deaf), a_pod("hanging", fault="hang"))
    pods.wait_for_log("polite", "ready")
    pods.wait_for_log("deaf", "ready")
    pods.wait_for_state("hanging", "running")
    pods.kubectl("delete", "pod", "deaf", "hanging", "--grace-period=3", "--wait=false")
    pods.kubectl("delete", "pod", "polite", "--grace-period=600", "--wait=false")
    for name in ("polite", "deaf", "hanging"):
        pods.wait_until_gone(name)
    assert asked.exists()
    assert done.exists(), "it was given its time"


def test_what_hangs_goes_on_when_the_fault_is_taken_away(pods):
    pods.apply(a_pod("thawing", "print('done')", fault="hang"))
    pods.wait_for_state("thawing", "running")
    pods.kubectl("annotate", "pod", "thawing", f"{ANNOTATION}-")
    assert pods.wait_for_state("thawing", "terminated")["exitCode"] == 0


def test_a_pod_says_again_that_it_is_ready_where_somebody_else_said_it_is_not(pods):
    """As the controllers do with the Pods of a node that was silent for a while."""
    pods.apply(a_pod("steady"))
    pods.kubectl("wait", "--for=condition=Ready", "--timeout=240s", "pod/steady")
    patch = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    pods.kubectl("patch", "pod", "steady", "--subresource=status", "--patch", json.dumps(patch))
    pods.kubectl("wait", "--for=condition=Ready", "--timeout=240s", "pod/steady")
    pods.kubectl("delete", "pod", "steady", "--grace-period=1")


def test_a_pod_with_an_identity_reaches_the_api_server_as_its_service_account(pods):
    pods.kubectl("create", "serviceaccount", "reader")
    pods.kubectl("create", "role", "reader", "--verb=list", "--resource=pods")
    bound = ("--role=reader", f"--serviceaccount={pods.namespace}:reader")
    pods.kubectl("create", "rolebinding", "reader", *bound)
    script = (
        "import subprocess\n"
        "for kind in ('pods', 'secrets'):\n"
        "    print(kind, subprocess.call(['kubectl', 'get', kind]), flush=True)\n"
    )
    identity = {"serviceAccountName": "reader", "automountServiceAccountToken": True}
    command = [sys.executable, "-u", "-c", script.replace("'kubectl'", repr(str(kubectl())))]
    cluster, namespace = pods.cluster, pods.namespace
    cluster.wait_for("its Pods are admitted", lambda: cluster.admits_pods_in(namespace, "reader"))
    pods.apply(a_pod("reader", container={"command": command}, **identity))
    pods.wait_for_state("reader", "terminated")
    log = pods.kubectl("logs", "reader")
    assert "pods 0" in log
    assert "secrets 1" in log
    assert f"system:serviceaccount:{pods.namespace}:reader" in log


def test_a_container_is_restarted_where_the_policy_says_so(pods):
    pods.apply(a_pod("again", "print('once more'); sys.exit(1)", restartPolicy="OnFailure"))

    def restarts():
        return pods.status("again").get("containerStatuses", [{}])[0].get("restartCount", 0)

    pods.cluster.wait_for("two restarts", lambda: restarts() >= 2)
    assert pods.kubectl("logs", "again", "--previous").strip() == "once more"
    pods.kubectl("delete", "pod", "again")


def test_pods_that_listen_at_one_port_do_not_meet_and_their_probes_find_them(pods):
    container = {
        "command": ["sh", "-c", "exec python -m http.server $WEB_PORT"],
        "ports": [{"name": "web", "containerPort": 8080}],
        "env": [{"name": "WEB_PORT", "value": "8080"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "web"}},
    }
    pods.apply(a_pod("web-1", container=container), a_pod("web-2", container=container))
    pods.kubectl("wait", "--for=condition=Ready", "--timeout=240s", "pod/web-1", "pod/web-2")
    pods.kubectl("delete", "pod", "web-1", "web-2", "--grace-period=1")


def test_a_lost_node_loses_its_pods_and_they_are_evicted(pods):
    cluster = pods.cluster
    node = cluster.node("node-lost")
    where = {"nodeSelector": {"kubernetes.io/hostname": "node-lost"}, "terminationGracePeriodSeconds": 1}
    pods.apply(a_pod("stranded", "print(os.getpid()); time.sleep(600)", **where))
    pods.wait_for_state("stranded", "running")
    node.kill()
    metadata = "jsonpath={.metadata.deletionTimestamp}"
    cluster.wait_for("the eviction", lambda: pods.kubectl("get", "pod", "stranded", "--output", metadata))
    node.start()
    pods.wait_until_gone("stranded")
    cluster.remove_node("node-lost")


def test_pods_outlive_the_api_server(pods, signal_file):
    pods.apply(a_pod("patient", UNTIL_THERE.format(str(signal_file))))
    pods.wait_for_state("patient", "running")
    pods.cluster.control_plane.api_server.kill()
    signal_file.touch()
    pods.cluster.control_plane.start_api_server()
    assert pods.wait_for_state("patient", "terminated")["exitCode"] == 0


def test_a_short_token_ends_and_a_new_one_takes_its_place(pods):
    cluster = pods.cluster
    cluster.node("node-short-tokens", "--token-seconds", "5")
    script = (
        "import json\nseen = []\n"
        "while len(seen) < 3:\n"
        "    token = json.load(open(os.environ['KUBECONFIG']))['users'][0]['user']['token']\n"
        "    if token not in seen: seen.append(token); print(token)\n"
        "    time.sleep(0.1)\n"
    )
    where = {"kubernetes.io/hostname": "node-short-tokens"}
    pods.apply(a_pod("renewing", script, nodeSelector=where, automountServiceAccountToken=True))
    pods.wait_for_state("renewing", "terminated")
    first, *_ = pods.kubectl("logs", "renewing").split()
    cluster.wait_for("the first token's end", lambda: not _is_valid(cluster, first))
    cluster.remove_node("node-short-tokens")


def _is_valid(cluster, token):
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    }
    answer = cluster.kubectl("create", "--filename", "-", "--output", "json", stdin=json.dumps(review))
    return json.loads(answer)["status"].get("authenticated", False)
