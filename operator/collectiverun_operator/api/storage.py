"""Section `storage` of a spec: where a run's artifacts lie."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from collectiverun_trainer.config import ANY_BUCKET, AWS_BUCKET, Model, endpoint_fault

# A run file may say so: `collectiverun run` makes it absolute before it reads on.
BESIDE_THE_FILE = r"^file://[.]{1,2}(/.*)?$"
NEEDS_A_PLACE = (
    "is a folder beside the run file, which a cluster does not see; write s3://bucket/prefix and give"
    " credentials, or file:///directory and mount a volume there in podTemplate"
)
OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

# The address of an earlier run, or of a member or artifact in one.
EARLIER_RUN = r"^(s3://[^/\s?#]+|file:///[^/\s?#]+)(/[^/\s?#]+)*/?$"
NO_EARLIER_RUN = (
    "is no address of an earlier run; write s3://bucket/folder or file:///folder, as"
    " `collectiverun list --json` has it under root"
)

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=OBJECT_NAME)]


def _check_storage_uri(uri: str) -> str:
    """Accept `s3://bucket[/prefix]` and `file:///absolute/path`. Raises ValueError for anything else."""
    parts = urlsplit(uri)
    if any(character.isspace() or character in "?#" for character in uri):
        raise ValueError(f"{uri!r} must not contain spaces, '?' or '#'")
    if uri.startswith("s3://"):
        return _check_bucket(uri, parts.netloc)
    if uri.startswith("file://"):
        return _check_directory(uri, parts.netloc, parts.path)
    if parts.scheme == "memory":
        raise ValueError(f"{uri!r} lives inside one process and is for tests only; use file:// or s3://")
    raise ValueError(f"{uri!r} does not start with s3:// or file://, the two kinds of storage there are")


def _check_bucket(uri: str, bucket: str) -> str:
    if not bucket:
        raise ValueError(f"{uri!r} names no bucket; write s3://bucket/prefix")
    if not ANY_BUCKET.allows(bucket):
        raise ValueError(f"{bucket!r} {ANY_BUCKET.advice}")
    return uri


def _check_directory(uri: str, host: str, path: str) -> str:
    if re.match(BESIDE_THE_FILE, uri):
        raise ValueError(f"{uri!r} {NEEDS_A_PLACE}")
    if host or not path.startswith("/"):
        raise ValueError(f"{uri!r} is not an absolute path; write file:///directory with three slashes")
    if ".." in path.split("/"):
        raise ValueError(f"{uri!r} must not contain '..'")
    if not path.strip("/"):
        raise ValueError(f"{uri!r} names no directory; write file:///directory")
    return uri


def _check_earlier_run(uri: str) -> str:
    if not re.fullmatch(EARLIER_RUN, uri) or ".." in uri.split("/"):
        raise ValueError(f"{uri!r} {NO_EARLIER_RUN}")
    return uri


EarlierRun = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_check_earlier_run)]


class SecretReference(Model):
    """A Secret in the run's namespace with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""

    name: ObjectName = Field(description="Name of a Secret in the run's namespace.")


class Credentials(Model):
    """Where Pods get their storage credentials from: exactly one of the two."""

    secret_ref: SecretReference | None = Field(None, description="Secret with static keys.")
    service_account_name: ObjectName | None = Field(
        None, description="Service account whose cloud identity may write to the bucket."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.secret_ref is None) == (self.service_account_name is None):
            raise ValueError("give exactly one of secretRef and serviceAccountName")
        return self


class CABundle(Model):
    """Certificates to trust, in a ConfigMap of the run's namespace."""

    config_map_name: ObjectName = Field(description="Name of a ConfigMap in the run's namespace.")
    key: str = Field(
        "ca.crt",
        max_length=253,
        pattern=r"^[-._a-zA-Z0-9]+$",
        description="Key in it whose value are certificates in PEM format.",
    )


class Storage(Model):
    """Where artifacts live: an S3 bucket, or a directory that every Pod mounts."""

    # 256 keeps a status with two phases of 128 members, and their phase orders, within their limits.
    uri: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_check_storage_uri)] = Field(
        description="s3://bucket/prefix or file:///directory; the run makes its own folder below it.",
    )
    endpoint: str | None = Field(
        None,
        max_length=256,
        description="URL of an S3 server other than AWS, such as https://s3.example.com:9000.",
    )
    region: str | None = Field(None, max_length=64, description="Region of the bucket, such as eu-central-1.")
    addressing: Literal["Path", "Virtual"] = Field(
        "Path",
        description="Where requests name the bucket: Path (most servers) or Virtual, in the host name.",
    )
    insecure: bool = Field(False, description="Do not verify the certificate of the endpoint.")
    credentials: Credentials | None = Field(
        None, description="Where Pods get their credentials from; required for s3:// on Kubernetes."
    )
    ca_bundle: CABundle | None = Field(
        None, description="Certificates to trust instead of the image's own; on Kubernetes only."
    )

    @property
    def scheme(self) -> str:
        """`s3` or `file`."""
        return urlsplit(self.uri).scheme

    @property
    def bucket_fault(self) -> str | None:
        """What AWS would refuse in the bucket's name, where AWS is meant."""
        bucket = urlsplit(self.uri).netloc
        if self.scheme != "s3" or self.endpoint or AWS_BUCKET.allows(bucket):
            return None
        return f"{bucket!r} {AWS_BUCKET.advice}"

    @field_validator("endpoint")
    @classmethod
    def _http(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and (fault := endpoint_fault(endpoint)):
            raise ValueError(fault)
        return endpoint
