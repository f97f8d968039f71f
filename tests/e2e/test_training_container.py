"""A trainer at work in a container: confined as asked for, left alone by an upgrade, stopped by a signal."""

import pytest
from e2e.container_cluster import RELEASE, SYSTEM
from support.namespace import Namespace
from support.run_bodies import learning_run_body
from support.stored_artifacts import StoredArtifacts
from testbed.cluster.example_run import s3_storage
from testbed.kubernetes.client_tools import CommandError

OPERATOR_PODS = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator"
NO_CAPABILITIES = "0000000000000000"


@pytest.fixture(scope="module")
def training(container_cluster):
    """A run whose only expert learns for longer than these tests take."""
    # A trainer that did not hear SIGTERM would only be killed long after the tests have given up.
    policy = {"terminationGracePeriodSeconds": 3600}
    storage = s3_storage(container_cluster.object_store)
    body = learning_run_body("training", storage, runPolicy=policy)
    body["spec"]["tasks"] = body["spec"]["tasks"][:1]
    body["spec"]["phases"]["experts"]["params"] |= {"totalEnvSteps": 2_000_000}
    namespace = Namespace.create_in(container_cluster, "training")
    run = namespace.apply_run(body)
    run.wait_for_pod(1)
    yield run
    namespace.kubectl("delete", "pods", "--all", "--grace-period=1", "--wait=false")
    run.delete()


def operator_pod(cluster):
    """The operator's only Pod; the one before it may still be on its way out."""

    def look():
        pods = cluster.pods(SYSTEM, OPERATOR_PODS)
        staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return len(staying) == 1 and staying[0]

    return cluster.wait_for("the operator's only Pod", look)


@pytest.fixture(params=["operator", "trainer"])
def pod(request, container_cluster, training):
    """A running Pod of each image, as the API server has it."""
    if request.param == "trainer":
        return training.wait_for_pod(1)
    return operator_pod(container_cluster)


@pytest.fixture
def inside(container_cluster, pod):
    """What a command prints inside the Pod's container."""

    def execute(*command):
        metadata = pod["metadata"]
        return container_cluster.execute(metadata["namespace"], metadata["name"], *command)

    return execute


def test_the_pod_asks_for_all_that_level_restricted_demands(pod):
    spec = pod["spec"]
    assert not any(spec.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC"))
    kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"configMap", "emptyDir", "projected", "secret"}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec["securityContext"].get("sysctls")
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert not any(port.get("hostPort") for port in container.get("ports", []))


def test_its_process_is_nobody_special_and_can_become_nobody_else(inside):
    lines = (line.split(":", 1) for line in inside("cat", "/proc/1/status").splitlines())
    process = {name: value.strip() for name, value in lines}
    assert process["Uid"].split() == ["10001"] * 4
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert {name: process[name] for name in sets} == dict.fromkeys(sets, NO_CAPABILITIES)
    assert process["NoNewPrivs"] == "1"
    assert process["Seccomp"] == "2"  # a filter: the runtime's default profile


def test_it_can_write_to_its_scratch_space_only(inside):
    assert inside("sh", "-c", "echo kept > /tmp/note && cat /tmp/note") == "kept\n"
    for place in ("/", "/opt/collectiverun", "/etc", "/var/tmp"):
        with pytest.raises(CommandError, match="Read-only file system"):
            inside("touch", f"{place}/note")


def test_only_the_operator_holds_a_token(inside, pod):
    is_operator = pod["metadata"]["namespace"] == SYSTEM
    found = inside("sh", "-c", "ls /var/run/secrets/kubernetes.io/serviceaccount 2>/dev/null || true")
    assert ("token" in found.split()) == is_operator


def test_the_chart_s_own_test_passes_and_an_upgrade_leaves_the_training_pod_alone(
    container_cluster, training
):
    trainer = training.wait_for_pod(1)["metadata"]["uid"]
    before = operator_pod(container_cluster)
    container_cluster.install("--set", "logFormat=text", verb="upgrade")
    after = operator_pod(container_cluster)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]

    # There is no DNS here, so the test Pod is told an address.
    container_cluster.install(
        *("--set", "logFormat=text", "--set", f"tests.host={after['status']['podIP']}"), verb="upgrade"
    )
    assert "Succeeded" in container_cluster.helm("test", RELEASE, "--namespace", SYSTEM)

    pod = training.wait_for_pod(1)
    assert pod["metadata"]["uid"] == trainer
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    training.wait_for_state("Running")


def test_sigterm_ends_training_at_a_checkpoint_and_the_next_attempt_goes_on_there(
    container_cluster, training
):
    stored = StoredArtifacts(container_cluster.object_store, training)
    training.wait_until(stored.checkpoint_steps, "a checkpoint")
    training.change(suspend=True)
    training.wait_for_state("Suspended")
    stopped_at = stored.checkpoint_steps()[-1]

    training.change(suspend=False)
    pod = training.wait_for_pod(2)["metadata"]["name"]
    training.wait_until(lambda: training.progress_steps(pod), "a line of progress")
    assert min(training.progress_steps(pod)) > stopped_at
    assert training.status["retries"] == 0
