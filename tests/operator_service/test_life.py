"""The operator's own life: start, stop, health, and the sentences it ends with when it can't go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from operator_service.operator_processes import LEASE, end_of, kopf_command, new_operator
from support.live_run import LiveRun
from support.namespace import Namespace
from support.reported_pods import start_pod, succeed_pod
from support.run_bodies import run_body
from testbed.cluster.operator_process import COMMAND, OperatorProcess
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.crd import CRD, install_crd
from testbed.waiting import LIMIT_SECONDS, eventually

pytestmark = pytest.mark.timeout(900)

# Access to files as before, so that only the name and the home of the user are gone.
CAPABILITIES = "+dac_override,+dac_read_search"
STRANGER = (
    "setpriv",
    "--reuid=54321",
    "--regid=54321",
    "--clear-groups",
    f"--inh-caps={CAPABILITIES}",
    f"--ambient-caps={CAPABILITIES}",
)
# The kernel lets nobody else take another uid. The suite is run by root, so that these tests are run there;
# a person who works as somebody else sees that they were not.
NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process under another uid")


def taken_run(namespace: Namespace) -> LiveRun:
    """A run once an operator has made its Job and seen the Pod start."""
    run = namespace.apply_run(run_body())
    start_pod(run)
    run.wait_for_state("Running")
    return run


def code_after_sigterm(operator: OperatorProcess) -> int | None:
    """Its exit code once it was asked to end, however long that takes on a busy machine."""
    return operator.stop(LIMIT_SECONDS)


def fault(operator: OperatorProcess) -> str:
    """What is wrong by its own account; empty while it is well or says nothing."""
    code, said = operator.health()
    return said if code == 503 else ""


def test_sigterm_ends_it_with_success(namespace: Namespace) -> None:
    with new_operator(namespace).start() as operator:
        assert taken_run(namespace)
        assert code_after_sigterm(operator) == 0
        assert "Traceback" not in operator.log


def test_a_new_operator_goes_on_where_the_killed_one_was(namespace: Namespace) -> None:
    with new_operator(namespace).start() as operator:
        run = taken_run(namespace)
        operator.kill()
    succeed_pod(run, run.wait_for_pod())
    with new_operator(namespace).start():
        run.wait(lambda status: status["currentPhase"] == "trajectoryTransformer", "the next phase")
        assert run.wait_for_events("PhaseSucceeded").count("PhaseSucceeded") == 1


def test_it_works_under_kopf_run(namespace: Namespace) -> None:
    with new_operator(namespace, command=kopf_command(namespace)).start() as operator:
        assert taken_run(namespace)
        assert code_after_sigterm(operator) == 0


@NEEDS_ROOT
@pytest.mark.parametrize("kind", ["service", "kopf run"])
def test_it_works_under_a_uid_without_name_and_home(namespace: Namespace, kind: str) -> None:
    words = COMMAND if kind == "service" else kopf_command(namespace)
    with new_operator(
        namespace, command=(*STRANGER, *words), environment={"PATH": os.environ["PATH"]}
    ).start():
        assert taken_run(namespace)


def test_health_fails_when_the_canary_is_gone_and_comes_back_with_it(namespace: Namespace) -> None:
    with new_operator(namespace, STALE_SECONDS="3").start() as operator:
        namespace.kubectl("delete", "lease", "canary")
        # In one answer: an event from before the deletion that comes late makes it well for a moment.
        said = eventually(lambda: fault(operator))
        assert f"has not shown the renewed Lease {namespace.name}/canary" in said
        eventually(lambda: "install or upgrade the chart" in operator.log)
        namespace.create_object("leases", LEASE)
        eventually(lambda: operator.health()[0] == 200)


def test_health_fails_while_the_api_server_is_gone_and_the_operator_goes_on_after_that(
    namespace: Namespace, control_plane: ControlPlane
) -> None:
    with new_operator(namespace, STALE_SECONDS="3").start() as operator:
        run = namespace.apply_run(run_body())
        run.wait_for_pod(state="Pending")
        control_plane.api_server.kill()
        try:
            eventually(lambda: fault(operator))
        finally:
            control_plane.start_api_server()
        eventually(lambda: operator.health()[0] == 200)
        start_pod(run)
        run.wait_for_state("Running")


def test_health_fails_while_the_api_server_hangs(namespace: Namespace, control_plane: ControlPlane) -> None:
    with new_operator(namespace, STALE_SECONDS="3").start() as operator:
        control_plane.api_server.pause()
        try:
            eventually(lambda: fault(operator))
        finally:
            control_plane.api_server.resume()
        eventually(lambda: operator.health()[0] == 200)


def test_an_api_server_that_is_not_there_is_a_sentence(namespace: Namespace, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(namespace.control_plane.kubeconfig.read_text().replace("127.0.0.1:", "127.0.0.2:1"))
    code, said = end_of(new_operator(namespace, kubeconfig=kubeconfig))
    assert code == 1
    assert "the operator can't start" in said
    assert "127.0.0.2" in said


def test_no_kubeconfig_is_a_sentence(namespace: Namespace, tmp_path: Path) -> None:
    code, said = end_of(new_operator(namespace, kubeconfig=tmp_path / "nowhere"))
    assert code == 1
    assert "set KUBECONFIG to a kubeconfig file" in said


def test_a_bad_setting_is_a_sentence_and_a_usage_error(namespace: Namespace) -> None:
    code, said = end_of(new_operator(namespace, WORKERS="many"))
    assert code == 2
    assert "COLLECTIVERUN_WORKERS=many" in said


def test_a_missing_definition_is_a_sentence(namespace: Namespace, control_plane: ControlPlane) -> None:
    namespace.kubectl("delete", "-f", str(CRD))
    try:
        eventually(lambda: not namespace.succeeds("get", "collectiveruns"), "the CRD served no longer")
        code, said = end_of(new_operator(namespace))
    finally:
        install_crd(namespace.kubectl)
    assert code == 1
    assert "kubectl apply -f crds/collectiveruns.yaml" in said
