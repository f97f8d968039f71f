"""An operator for the whole cluster, with the rights and the settings of the chart and nothing else."""

import re

import pytest
from chart.rendering import NAME, RELEASE, render
from chart.rights import refused_rights
from support.run_bodies import run_body
from testbed.cluster.operator_process import OperatorProcess, chart_variables
from testbed.kubernetes.crd import wait_until_established
from testbed.kubernetes.kubeconfig import write_kubeconfig
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(900)  # the first one starts the control plane, and each an operator
PACE = ("pacing.canarySeconds=1", "pacing.staleSeconds=10")
LEASE_AGE = re.compile(r'last_event_age_seconds\{kind="Lease"\} ([0-9.e-]+)')


@pytest.fixture
def operator(control_plane, namespace, tmp_path):
    """The chart's operator as a process with the token of its service account."""
    namespace.install(*PACE)
    wait_until_established(namespace.kubectl)
    namespace.wait_until_can(namespace.account, "create", "jobs", "--namespace", "default")
    namespace.wait_until_can(namespace.account, "patch", f"leases/{NAME}")
    token = namespace.kubectl("create", "token", NAME).strip()
    kubeconfig = tmp_path / "operator.kubeconfig"
    write_kubeconfig(kubeconfig, control_plane.url, control_plane.certificates.authority, token)
    chart = render(*PACE, release=RELEASE, namespace=namespace.name)
    with OperatorProcess(tmp_path, kubeconfig, chart_variables(chart)).start() as operator:
        yield operator


def lease_age(operator):
    return float(LEASE_AGE.search(operator.metrics())[1])


def test_it_serves_every_namespace_and_asks_for_nothing_it_may_not(
    operator, control_plane, namespace, second_namespace
):
    second_namespace.apply_run(run_body())
    eventually(lambda: second_namespace.list("jobs"), "a Job in another namespace")
    # The age counts from the start until the first event: younger than before, it came through the watch.
    ages = [lease_age(operator)]

    def is_renewed():
        ages.append(lease_age(operator))
        return ages[-1] < ages[-2]

    eventually(is_renewed, "a renewed Lease")
    assert refused_rights(control_plane.audit_log, namespace.account) == set()


def test_its_health_fails_when_the_canary_is_gone_and_recovers_when_it_is_back(operator, namespace):
    namespace.kubectl("delete", "lease", NAME)

    def is_missed():
        code, text = operator.health()
        return code == 503 and f"Lease {namespace.name}/{NAME}" in text

    eventually(is_missed, lambda: f"its health fails for the Lease; it says {operator.health()}")
    namespace.install(*PACE, verb="upgrade")  # what the operations page says to do
    eventually(lambda: operator.health()[0] == 200, "it is healthy again")
