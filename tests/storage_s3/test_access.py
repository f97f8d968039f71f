"""What a person must change ends at once, with a sentence that says what."""

import datetime

import botocore.auth
import pytest
from storage_s3.conftest import options
from testbed.object_store import BUCKET, ObjectStore

from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.errors import InvalidConfiguration, StorageUnavailable
from collectiverun_trainer.order import StorageOptions

OPERATIONS = {
    "list": lambda storage, uri: storage.list(uri),
    "read": lambda storage, uri: storage.read(uri),
    "exists": lambda storage, uri: storage.exists(uri),
    "write": lambda storage, uri: storage.write(uri, b"1"),
    "delete": lambda storage, uri: storage.delete_tree(uri),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wrong_secret_key_is_refused(server: ObjectStore, credentials, monkeypatch, uri, operation):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-key")
    with pytest.raises(InvalidConfiguration, match=r"was refused .*AWS_SECRET_ACCESS_KEY"):
        OPERATIONS[operation](Storage(options(server.endpoint)), uri)


def test_an_unknown_access_key_is_refused(server: ObjectStore, credentials, monkeypatch, uri):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(InvalidConfiguration, match=r"was refused .*AWS_ACCESS_KEY_ID"):
        Storage(options(server.endpoint)).list(uri)


def test_no_credentials_are_named_as_the_fault(server: ObjectStore, monkeypatch, uri, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(InvalidConfiguration, match="no credentials for s3://"):
        Storage(options(server.endpoint)).list(uri)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_missing_bucket_is_named(storage: Storage, operation):
    with pytest.raises(InvalidConfiguration, match="bucket of s3://no-such-bucket/run does not exist"):
        OPERATIONS[operation](storage, "s3://no-such-bucket/run")


def test_whether_a_bucket_exists_is_answered_or_refused_and_never_guessed(
    server: ObjectStore, storage: Storage, monkeypatch
):
    assert storage.exists(f"s3://{BUCKET}")
    with pytest.raises(InvalidConfiguration, match="bucket of s3://no-such-bucket does not exist"):
        storage.exists("s3://no-such-bucket")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-key")
    with pytest.raises(InvalidConfiguration, match="was refused"):
        Storage(options(server.endpoint)).exists(f"s3://{BUCKET}")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_clock_that_is_wrong_counts_as_infrastructure(server, credentials, monkeypatch, uri, operation):
    def half_an_hour_ago(remove_tzinfo: bool = True) -> datetime.datetime:
        moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=30)
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    monkeypatch.setattr(botocore.auth, "get_current_datetime", half_an_hour_ago)
    with pytest.raises(StorageUnavailable, match=r"are not valid now .*renew them"):
        OPERATIONS[operation](Storage(options(server.endpoint)), uri)


def test_an_impossible_bucket_name_is_refused(storage: Storage):
    with pytest.raises(InvalidConfiguration, match="is no bucket name: letters"):
        storage.write("s3://No Bucket!/run", b"1")


def test_an_endpoint_that_is_no_url_is_refused(credentials):
    with pytest.raises(InvalidConfiguration, match=r"storage\.endpoint 'minio:9000' is not a URL"):
        Storage(StorageOptions(endpoint="minio:9000")).list(f"s3://{BUCKET}/run")


def test_a_ca_bundle_that_is_not_there_is_refused(server: ObjectStore, credentials):
    storage = Storage(StorageOptions(endpoint=server.endpoint, ca_bundle_path="/no/such/file.pem"))
    with pytest.raises(InvalidConfiguration, match=r"caBundlePath '/no/such/file\.pem' is not a file"):
        storage.list(f"s3://{BUCKET}/run")
