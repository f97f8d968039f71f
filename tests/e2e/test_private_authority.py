"""An S3 server whose certificate a private authority signed: trusted through a ConfigMap of the run."""

import pytest
from e2e.own_network import NODE_ADDRESS
from support.namespace import Namespace
from support.run_bodies import scripted_run_body
from testbed.cluster.example_run import s3_storage
from testbed.kubernetes.certificates import Certificates
from testbed.object_store import ObjectStore


@pytest.fixture(scope="module")
def private_store(container_cluster, tmp_path_factory):
    """An S3 server that speaks TLS only."""
    folder = tmp_path_factory.mktemp("private-store")
    certificates = Certificates(folder / "pki")
    certificates.make((NODE_ADDRESS,))
    with ObjectStore(folder, NODE_ADDRESS, certificates) as store:
        yield store


@pytest.fixture
def namespace(container_cluster, private_store):
    """A namespace with the store's keys, and the authority's certificate in the ConfigMap `trust`."""
    namespace = Namespace.create_in(container_cluster, "authority")
    container_cluster.add_storage_keys(namespace.name, private_store)
    authority = private_store.certificates.authority
    namespace.kubectl("create", "configmap", "trust", f"--from-file=company.crt={authority}")
    return namespace


def test_a_run_that_names_the_authority_writes_to_the_store_and_reads_from_it(private_store, namespace):
    trust = {"caBundle": {"configMapName": "trust", "key": "company.crt"}}
    run = namespace.apply_run(scripted_run_body("private", s3_storage(private_store) | trust))
    run.wait_for_member(phase="trajectoryTransformer", state="Succeeded")  # it read what the experts wrote
    assert run.status["retries"] == 0
    run.delete()


def test_without_it_the_run_fails_at_once_and_says_what_is_missing(private_store, namespace):
    run = namespace.apply_run(scripted_run_body("private", s3_storage(private_store)))
    failure = run.wait_for_state("Failed")["lastFailure"]
    print(failure["message"])
    assert failure["exitCode"] == 3
    assert "is not trusted" in failure["message"]
    assert "give its CA bundle" in failure["message"]
    assert run.member()["attempt"] == 1
