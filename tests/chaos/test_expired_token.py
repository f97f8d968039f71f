"""A token that is worth nothing any more: the operator goes on with the one that took its place."""

from contextlib import closing

import pytest
from chaos.behind_proxy import ProxiedOperator
from chaos.short_run import ShortRun

pytestmark = pytest.mark.timeout(600)


def operator_account(cluster, namespace):
    """Name of the operator's service account."""
    found = cluster.get("serviceaccounts", "--namespace", namespace)["items"]
    return next(account["metadata"]["name"] for account in found if account["metadata"]["name"] != "default")


def bound_token(cluster, namespace, secret):
    """A token that ends with a Secret: the API server grants none that expires in less than ten minutes."""
    create = ("--namespace", namespace, "create")
    cluster.kubectl(*create, "secret", "generic", secret)
    bound = ("--bound-object-kind=Secret", f"--bound-object-name={secret}")
    return cluster.kubectl(*create, "token", operator_account(cluster, namespace), *bound).strip()


def test_a_token_that_expired_before_the_operator_read_the_next_one(mimicking_cluster):
    run = ShortRun.begin(mimicking_cluster, pod_seconds=10)
    with closing(ProxiedOperator(mimicking_cluster, run.namespace)) as operator:
        operator.take_token(bound_token(mimicking_cluster, run.namespace, "first"))
        operator.process.kill()
        operator.process.start()
        run.wait_for_phase("experts")
        operator.take_token(bound_token(mimicking_cluster, run.namespace, "second"))
        mimicking_cluster.kubectl("--namespace", run.namespace, "delete", "secret", "first")
        operator.proxy.sever()  # watches that are open outlive their token
        run.wait_until_complete()
        assert run.faults() == []
        refused = [request for request in run.requests() if request.code == 401]
        assert refused
        assert operator.process.is_running
