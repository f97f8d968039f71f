"""The operator's own life: start, stop, health, and the sentences it ends with when it can't go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from operator_service.conftest import CRD, install_definition
from operator_service.operators import KOPF, ended
from operator_service.workplace import Workplace
from testbed.cluster.operator_process import COMMAND, OperatorProcess
from testbed.kubernetes.control_plane import ControlPlane
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


def takes_a_run(workplace: Workplace) -> bool:
    """Whether an operator is there that makes Jobs."""
    workplace.make_run()
    workplace.begin(workplace.pod())
    return bool(eventually(lambda: workplace.state() == "Running"))


def code_after_sigterm(operator: OperatorProcess) -> int | None:
    """Its exit code once it was asked to end, however long that takes on a busy machine."""
    return operator.stop(LIMIT_SECONDS)


def fault(operator: OperatorProcess) -> str:
    """What is wrong by its own account; empty while it is well or says nothing."""
    code, said = operator.health()
    return said if code == 503 else ""


def test_sigterm_ends_it_with_success(workplace: Workplace) -> None:
    with workplace.operator().start() as operator:
        assert takes_a_run(workplace)
        assert code_after_sigterm(operator) == 0
        assert "Traceback" not in operator.log


def test_a_new_operator_goes_on_where_the_killed_one_was(workplace: Workplace) -> None:
    with workplace.operator().start() as operator:
        assert takes_a_run(workplace)
        operator.kill()
    pod = workplace.pod()
    workplace.succeed(pod)
    with workplace.operator().start():
        eventually(lambda: workplace.run()["status"]["currentPhase"] == "trajectoryTransformer")
        assert workplace.told("demo", "PhaseSucceeded").count("PhaseSucceeded") == 1


def test_it_works_under_kopf_run(workplace: Workplace) -> None:
    with workplace.operator(command=(*KOPF, "--namespace", workplace.namespace)).start() as operator:
        assert takes_a_run(workplace)
        assert code_after_sigterm(operator) == 0


@NEEDS_ROOT
@pytest.mark.parametrize("kind", ["service", "kopf run"])
def test_it_works_under_a_uid_without_name_and_home(workplace: Workplace, kind: str) -> None:
    words = COMMAND if kind == "service" else (*KOPF, "--namespace", workplace.namespace)
    with workplace.operator(command=(*STRANGER, *words), environment={"PATH": os.environ["PATH"]}).start():
        assert takes_a_run(workplace)


def test_health_fails_when_the_canary_is_gone_and_comes_back_with_it(workplace: Workplace) -> None:
    with workplace.operator(STALE_SECONDS="3").start() as operator:
        workplace.kubectl("delete", "lease", "canary")
        # In one answer: an event from before the deletion that comes late makes it well for a moment.
        said = eventually(lambda: fault(operator))
        assert f"has not shown the renewed Lease {workplace.namespace}/canary" in said
        eventually(lambda: "install or upgrade the chart" in operator.log)
        workplace.make_lease()
        eventually(lambda: operator.health()[0] == 200)


def test_health_fails_while_the_api_server_is_gone_and_the_operator_goes_on_after_that(
    workplace: Workplace, api_server: ControlPlane
) -> None:
    with workplace.operator(STALE_SECONDS="3").start() as operator:
        workplace.make_run()
        pod = workplace.pod()
        api_server.api_server.kill()
        try:
            eventually(lambda: fault(operator))
        finally:
            api_server.start_api_server()
        eventually(lambda: operator.health()[0] == 200)
        workplace.begin(pod)
        eventually(lambda: workplace.state() == "Running")


def test_health_fails_while_the_api_server_hangs(workplace: Workplace, api_server: ControlPlane) -> None:
    with workplace.operator(STALE_SECONDS="3").start() as operator:
        api_server.api_server.pause()
        try:
            eventually(lambda: fault(operator))
        finally:
            api_server.api_server.resume()
        eventually(lambda: operator.health()[0] == 200)


def test_an_api_server_that_is_not_there_is_a_sentence(workplace: Workplace, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(workplace.control_plane.kubeconfig.read_text().replace("127.0.0.1:", "127.0.0.2:1"))
    code, said = ended(workplace.operator(kubeconfig=kubeconfig))
    assert code == 1
    assert "the operator can't start" in said
    assert "127.0.0.2" in said


def test_no_kubeconfig_is_a_sentence(workplace: Workplace, tmp_path: Path) -> None:
    code, said = ended(workplace.operator(kubeconfig=tmp_path / "nowhere"))
    assert code == 1
    assert "set KUBECONFIG to a kubeconfig file" in said


def test_a_bad_setting_is_a_sentence_and_a_usage_error(workplace: Workplace) -> None:
    code, said = ended(workplace.operator(WORKERS="many"))
    assert code == 2
    assert "COLLECTIVERUN_WORKERS=many" in said


def test_a_missing_definition_is_a_sentence(workplace: Workplace, api_server: ControlPlane) -> None:
    workplace.kubectl("delete", "-f", str(CRD))
    try:
        eventually(lambda: not workplace.does("get", "collectiveruns"), "the definition served no longer")
        code, said = ended(workplace.operator())
    finally:
        install_definition(api_server)
    assert code == 1
    assert "kubectl apply -f crds/collectiveruns.yaml" in said
