"""What each answer of an S3 server means: try again, give up at once, or not there."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from s3fs.errors import translate_boto_error

from collectiverun_trainer.artifacts import storage_faults
from collectiverun_trainer.errors import InvalidConfiguration, StorageUnavailable

URI = "s3://bucket/object"
URL = "http://127.0.0.1:1"


def answer(code: str) -> Exception:
    """The error s3fs raises for a server's answer."""
    return translate_boto_error(ClientError({"Error": {"Code": code, "Message": code}}, "PutObject"))


@pytest.mark.parametrize(
    "code",
    [
        "SlowDown",
        "InternalError",
        "ServiceUnavailable",
        "RequestTimeout",
        "OperationAborted",
        "NoSuchUpload",
        "IncompleteBody",
        "BadDigest",
        "500",
        "503",
        "SomethingNew",
    ],
)
def test_what_may_pass_is_tried_again(code: str):
    assert storage_faults.is_transient(answer(code))


@pytest.mark.parametrize(
    "code",
    [
        "AccessDenied",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "403",
        "NoSuchBucket",
        "InvalidBucketName",
        "InvalidArgument",
        "400",
        "NotImplemented",
    ],
)
def test_what_a_person_must_change_ends_at_once(code: str):
    error = answer(code)
    assert not storage_faults.is_transient(error)
    assert isinstance(storage_faults.permanent_fault(error, URI), InvalidConfiguration)
    assert URI in str(storage_faults.permanent_fault(error, URI))


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "RequestTimeTooSkewed", "TokenRefreshRequired", "RequestExpired"]
)
def test_what_a_new_pod_may_not_have_counts_as_infrastructure(code: str):
    error = answer(code)
    assert not storage_faults.is_transient(error)
    assert isinstance(storage_faults.permanent_fault(error, URI), StorageUnavailable)


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion"])
def test_only_the_stores_own_words_tell_a_missing_object(code: str):
    assert storage_faults.is_missing_code(code)


@pytest.mark.parametrize("code", ["404", "NotFound", None])
def test_a_bare_status_may_be_a_proxys(code: str | None):
    assert not storage_faults.is_missing_code(code)
    assert storage_faults.is_transient(answer(code or "404"))


def test_a_missing_bucket_is_not_a_missing_object():
    assert not storage_faults.is_missing_code("NoSuchBucket")


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url=URL), ReadTimeoutError(endpoint_url=URL), TimeoutError()]
)
def test_silence_is_tried_again(error: Exception):
    assert storage_faults.is_transient(error)


def test_no_credentials_end_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fault = storage_faults.permanent_fault(NoCredentialsError(), URI)
    assert isinstance(fault, InvalidConfiguration)


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("x"), AssertionError(), MemoryError()])
def test_a_mistake_of_ours_is_no_fault_of_storage(error: Exception):
    assert not storage_faults.is_fault(error)
    assert not storage_faults.is_transient(error)
