"""Names of buckets and servers, types of objects, and uploads that were cut off."""

from __future__ import annotations

import pytest
from storage_s3.conftest import options
from storage_s3.uploads import begun_uploads, uploads_left
from support.altering_proxy import AlteringProxy, Answer
from testbed.object_store import BUCKET, ObjectStore

from collectiverun_trainer.artifacts.leftovers import abort_cut_off_uploads
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import Task
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.order import PhaseOrder, RunIdentity, StorageOptions


@pytest.mark.parametrize("bucket", ["Team_Data", "under_score", "tenant:bucket", "tenant:My_Bucket"])
def test_a_bucket_of_another_server_may_have_a_name_that_aws_does_not_take(
    server: ObjectStore, storage: Storage, bucket: str
):
    server.make_bucket(bucket)
    uri = f"s3://{bucket}/a b/object"
    storage.write(uri, b"1")
    assert storage.read(uri) == b"1"
    assert storage.list(f"s3://{bucket}/nothing") == []  # this server lists nothing in such a bucket


@pytest.mark.parametrize(
    "endpoint", ["http://min_io:9000", "http://s3:99999", "http://-s3", "http://user:SECRET@s3", "http://a b"]
)
def test_an_address_that_no_server_can_have_is_refused(credentials, endpoint: str):
    with pytest.raises(InvalidConfiguration, match=r"storage\.endpoint .* is not a URL") as refused:
        Storage(StorageOptions(endpoint=endpoint), retry_seconds=60).list(f"s3://{BUCKET}/run")
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("report.html", "text/html"),
        ("summary.json", "application/json"),
        ("metrics.jsonl", "application/x-ndjson"),
        ("film.webp", "image/webp"),
        ("state.safetensors", "application/octet-stream"),
        ("_SUCCESS", "application/octet-stream"),
    ],
)
def test_an_object_has_the_type_of_its_extension(storage: Storage, server: ObjectStore, uri, name, kind):
    storage.write(join(uri, name), b"<p>")
    assert server.file_system.info(join(uri, name))["ContentType"] == kind


def test_a_large_object_has_its_type_too(storage: Storage, server: ObjectStore, uri: str):
    storage.write(join(uri, "metrics.json"), bytes(101 * 2**20))
    assert server.file_system.info(join(uri, "metrics.json"))["ContentType"] == "application/json"


def order(uri: str, attempt: int) -> PhaseOrder:
    task = Task(env="reach-v3")
    run = RunIdentity(namespace="default", name="demo", uid="0123456789")
    return PhaseOrder(
        run=run, phase="experts", member=task.name, attempt=attempt, tasks=(task,), member_uri=uri
    )


def test_a_new_attempt_aborts_its_members_uploads_and_no_others(
    server: ObjectStore, storage: Storage, uri: str
):
    member = join(uri, "reach")
    own = ("attempt-1/pod/state.bin", "attempt-2/pod/state.bin", "checkpoints/attempt-2-step-5/state.bin")
    later = ("attempt-10/pod/state.bin", "checkpoints/attempt-3-step-9/state.bin", "notes/large.bin")
    begun_uploads(server, member, *own, *later)
    begun_uploads(server, uri, "reach-more/attempt-1/pod/state.bin")
    abort_cut_off_uploads(storage, order(member, attempt=2))
    assert uploads_left(server, member) == sorted(later)
    assert uploads_left(server, join(uri, "reach-more")) == ["attempt-1/pod/state.bin"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (501, "NotImplemented"), (400, "NoSuchRequest"), (503, "SlowDown")],
)
def test_a_server_that_lists_no_uploads_is_no_fault(
    server: ObjectStore, credentials, uri, status, code, caplog
):
    said = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    with AlteringProxy(server.endpoint, lambda *_: Answer(status, said)) as proxy, caplog.at_level("INFO"):
        abort_cut_off_uploads(Storage(options(proxy.url), retry_seconds=600), order(uri, attempt=1))
    assert "Uploads that were cut off stay in storage" in caplog.text
    assert not any(
        record.levelname == "WARNING" for record in caplog.records if "collectiverun" in record.name
    )
