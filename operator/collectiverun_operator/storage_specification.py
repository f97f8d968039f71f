"""Where a run's artifacts live, as its spec says it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from collectiverun_trainer.config import Model

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=OBJECT_NAME)]


def _check_storage_uri(uri: str) -> str:
    """Accept `s3://bucket[/prefix]` and `file:///absolute/path`; say what is wrong with anything else."""
    parts = urlsplit(uri)
    if parts.query or parts.fragment or any(character.isspace() for character in uri):
        raise ValueError(f"{uri!r} must not contain spaces, '?' or '#'")
    if parts.scheme == "s3":
        return _check_bucket(uri, parts.netloc)
    if parts.scheme == "file":
        return _check_directory(uri, parts.netloc, parts.path)
    if parts.scheme == "memory":
        raise ValueError(f"{uri!r} lives inside one process and is for tests only; use file:// or s3://")
    raise ValueError(f"{uri!r} does not start with s3:// or file://, the two kinds of storage there are")


def _check_bucket(uri: str, bucket: str) -> str:
    if not bucket:
        raise ValueError(f"{uri!r} names no bucket; write s3://bucket/prefix")
    if not BUCKET.fullmatch(bucket):
        raise ValueError(f"{bucket!r} is no bucket name: 3 to 63 lower-case letters, digits, '-' and '.'")
    return uri


def _check_directory(uri: str, host: str, path: str) -> str:
    if host or not path.startswith("/"):
        raise ValueError(f"{uri!r} is not an absolute path; write file:///directory with three slashes")
    if ".." in path.split("/"):
        raise ValueError(f"{uri!r} must not contain '..'")
    if not path.strip("/"):
        raise ValueError(f"{uri!r} names no directory; write file:///directory")
    return uri


class SecretReference(Model):
    """A Secret in the run's namespace with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""

    name: ObjectName = Field(description="Name of the Secret.")


class Credentials(Model):
    """Where Pods get their storage credentials from: exactly one of the two."""

    secret_ref: SecretReference | None = Field(None, description="A Secret with static keys.")
    service_account_name: ObjectName | None = Field(
        None, description="A service account with a cloud identity."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.secret_ref is None) == (self.service_account_name is None):
            raise ValueError("give exactly one of secretRef and serviceAccountName")
        return self


class CABundle(Model):
    """Certificates to trust, in a ConfigMap of the run's namespace."""

    config_map_name: ObjectName = Field(description="Name of the ConfigMap.")
    key: str = Field(
        "ca.crt", max_length=253, pattern=r"^[-._a-zA-Z0-9]+$", description="Key of the PEM file."
    )


class Storage(Model):
    """Where artifacts live."""

    # 256 keeps a status with two phases of 64 members, and their phase orders, within their limits.
    uri: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_check_storage_uri)] = Field(
        description="s3://bucket/prefix or file:///directory; the run's folder is made below it."
    )
    endpoint: str | None = Field(None, max_length=256, description="URL of an S3 server other than AWS.")
    region: str | None = Field(None, max_length=64, description="Region, such as eu-central-1.")
    addressing: Literal["Path", "Virtual"] = Field(
        "Path", description="Bucket in the path or in the host name."
    )
    insecure: bool = Field(False, description="Do not verify the server's certificate.")
    credentials: Credentials | None = Field(None, description="On Kubernetes, needed for s3://.")
    ca_bundle: CABundle | None = Field(None, description="Certificates to trust, on Kubernetes.")

    @property
    def scheme(self) -> str:
        """`s3` or `file`."""
        return urlsplit(self.uri).scheme

    @field_validator("endpoint")
    @classmethod
    def _http(cls, endpoint: str | None) -> str | None:
        parts = urlsplit(endpoint or "https://aws")
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{endpoint!r} is not a URL; write https://host:port")
        return endpoint
