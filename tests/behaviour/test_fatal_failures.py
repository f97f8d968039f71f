"""What trying again can't help fails at once, says why, and is re-opened where it failed by a retry token."""

from contextlib import contextmanager

import pytest
from support.operator_namespace import only_on
from support.run_bodies import scripted_run_body
from support.stored_artifacts import StoredArtifacts
from testbed.cluster.example_run import s3_storage

pytestmark = pytest.mark.timeout(2400)


GATE = "behaviour.collectiverl.io/gate"


def test_wrong_keys_fail_the_run_at_once_and_a_retry_token_goes_on_there(namespace):
    write_keys(namespace, "no-such-key", "wrong")
    run = namespace.apply_run(scripted_run_body("wrong-keys", s3_storage(namespace.store, "wrong-keys")))
    run.wait_for_state("Failed")
    failure = run.status["lastFailure"]
    assert (failure["kind"], failure["exitCode"], failure["reason"]) == ("fatal", 3, "StorageRefused")
    assert (failure["phase"], failure["attempt"]) == ("experts", 1)
    assert "was refused" in failure["message"]
    assert "AWS_SECRET_ACCESS_KEY" in failure["message"]
    assert_failed_with(run, failure["message"])

    write_keys(namespace, namespace.store.access_key, namespace.store.secret_key)
    run.change(retryToken="keys-are-right-now")
    run.wait_for_member(state="Succeeded", attempt=2)
    assert "lastFailure" not in run.status
    run.delete()


def write_keys(namespace, access_key, secret_key):
    """Storage keys in the Secret `wrong-keys`."""
    keys = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    metadata = {"name": "wrong-keys"}
    namespace.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": keys})


def test_a_damaged_artifact_fails_the_run_at_once_and_restored_it_goes_on_at_the_failed_phase(namespace):
    body = scripted_run_body("damaged", namespace.storage)
    body["spec"]["phases"]["trajectoryTransformer"] |= only_on(GATE, "open")
    run = namespace.apply_run(body)
    run.wait_for_member("trajectoryTransformer", state="Pending")
    assert run.printed()["STATE"] == "Pending"
    experts = run.member()
    stored = StoredArtifacts(namespace.store, run)
    files = stored.files
    path = next(p for p in files.find(stored.uri()) if p.endswith(".safetensors"))
    good = files.cat(path)
    files.pipe(path, good[:-1] + bytes([good[-1] ^ 1]))

    with open_gate(namespace):
        run.wait_for_state("Failed")
        failure = run.status["lastFailure"]
        assert (failure["kind"], failure["exitCode"], failure["reason"]) == ("fatal", 4, "InputInvalid")
        assert (failure["phase"], failure["attempt"]) == ("trajectoryTransformer", 1)
        assert path.rsplit("/", 1)[1] in failure["message"]
        assert_failed_with(run, failure["message"])

        files.pipe(path, good)
        run.change(retryToken="restored")
        run.wait_for_member("trajectoryTransformer", state="Succeeded", attempt=2)
    assert run.member() == experts
    assert "Failed" not in run.printed()["STATE"]
    run.delete()


@contextmanager
def open_gate(namespace):
    """The node of real processes takes Pods that need the gate to be open, as long as this lasts."""
    namespace.kubectl("label", "node", "node-1", f"{GATE}=open")
    try:
        yield
    finally:
        namespace.kubectl("label", "node", "node-1", f"{GATE}-")


def assert_failed_with(run, sentence):
    """Everything a person looks at says that it failed and why; nothing was tried again."""
    row = run.printed("--output", "wide")
    assert (row["STATE"], row["RETRIES"]) == ("Failed", "0")
    assert run.condition("Failed") == ("True", "MemberFailed")
    assert sentence in run.message("Failed")
    described = " ".join(run.described().split())
    assert " ".join(sentence.split()) in described
