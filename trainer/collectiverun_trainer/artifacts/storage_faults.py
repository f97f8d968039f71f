"""What a storage error means: transient, permanent, or the object does not exist."""

from __future__ import annotations

import errno

from collectiverun_trainer.artifacts import s3_environment
from collectiverun_trainer.artifacts.s3_environment import KEY_VARIABLES
from collectiverun_trainer.errors import PhaseError, StorageRefused, StorageUnavailable

# Codes that s3fs turns into EINVAL like a wrong request, though a retry may well succeed.
_TRANSIENT_CODES = frozenset({"BadDigest", "IncompleteBody", "InvalidPart", "XAmzContentSHA256Mismatch"})
# A later Pod may have a fresh token or a clock that is right, so these count as infrastructure.
_EXPIRED_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "TokenRefreshRequired",
    }
)
# The store's own words. A bare status 404 is not: a proxy in front of the store may have answered.
_MISSING_CODES = frozenset({"NoSuchKey", "NoSuchVersion"})
_PERMANENT_ERRNOS = frozenset({errno.EINVAL, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOSYS, errno.EPERM})
_CLIENT_PACKAGES = frozenset({"botocore", "aiobotocore", "aiohttp", "s3fs", "urllib3"})


class MissingObject(FileNotFoundError):  # noqa: N818
    """The store itself says that there is no such object."""


def is_fault(error: BaseException) -> bool:
    """Whether the error comes from storage; any other is a bug and must surface as one."""
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in _CLIENT_PACKAGES


def is_missing_code(code: str | None) -> bool:
    """Whether this answer of the store says that the object (not its bucket) does not exist."""
    return code in _MISSING_CODES


def is_transient(error: BaseException) -> bool:
    """Whether a retry may help."""
    return is_fault(error) and not isinstance(error, MissingObject) and permanent_fault(error, "") is None


def words(error: BaseException | None) -> str:
    """What went wrong, for a person."""
    text = (str(error) or type(error).__name__).rstrip(".")
    if isinstance(error, OSError) and type(error).__module__ == "builtins" and error.strerror:
        text = error.strerror  # the URI is told anyway, and a file is written under a random name at first
    if lacks_credentials(error):
        return f"{text}: the metadata service gave none; if keys are meant, set {' and '.join(KEY_VARIABLES)}"
    code = error and server_code(error)
    if code and code.isdecimal():
        return f"{text} (status {code} without a word of the store's own, as a proxy in front of it answers)"
    return text


def lacks_credentials(error: BaseException | None) -> bool:
    """Whether the S3 client found no credentials at all."""
    return type(error).__name__ == "NoCredentialsError"


def permanent_fault(error: BaseException, uri: str) -> PhaseError | None:
    """The error to raise at once, or None if a retry may help. Not for missing objects."""
    code = server_code(error)
    if code in _EXPIRED_CODES:
        return StorageUnavailable(f"The credentials for {uri} are not valid now ({error}); renew them.")
    if code == "NoSuchBucket":
        return StorageRefused(f"The bucket of {uri} does not exist; create it or correct storage.uri.")
    if isinstance(error, PermissionError):
        return StorageRefused(
            f"Access to {uri} was refused ({error}); check its permissions and, for s3://, "
            f"{' and '.join(KEY_VARIABLES)}."
        )
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return StorageRefused(f"{uri} cannot be written ({error}); make it writable or correct storage.uri.")
    if isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError):
        return StorageRefused(f"{uri} cannot be used: a file or folder of that name is in the way ({error}).")
    if isinstance(error, OSError) and error.errno in _PERMANENT_ERRNOS and code not in _TRANSIENT_CODES:
        return StorageRefused(
            f"Storage cannot serve {uri} ({error}); check storage.uri, endpoint and region."
        )
    return _client_fault(error, uri)


def server_code(error: BaseException) -> str | None:
    """The code of the S3 server's answer, such as NoSuchBucket; s3fs keeps the answer as the cause."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


def _client_fault(error: BaseException, uri: str) -> PhaseError | None:
    """Faults that the S3 client finds before or instead of an answer of the server."""
    if not type(error).__module__.startswith("botocore"):
        return None
    from botocore import exceptions  # imported late: file:// and memory:// need none of it

    if isinstance(error, exceptions.NoCredentialsError) and s3_environment.may_bring_credentials():
        return None
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return StorageRefused(f"There are no credentials for {uri}; set {' and '.join(KEY_VARIABLES)}.")
    if isinstance(error, _settings_faults()):
        return StorageRefused(
            f"The S3 client refuses {uri} ({error}); check storage.uri, region and the AWS_* variables."
        )
    if isinstance(error, exceptions.SSLError) and "certificate" in str(error).lower():
        return StorageRefused(
            f"The certificate of the server of {uri} is not trusted ({error}); give its CA bundle: "
            f"storage.caBundle on Kubernetes, else {s3_environment.CA_BUNDLE_VARIABLE}."
        )
    return None


def _settings_faults() -> tuple[type[Exception], ...]:
    """What botocore says of its own settings, before anything is asked."""
    from botocore import exceptions

    return (
        exceptions.ParamValidationError,
        exceptions.NoRegionError,
        exceptions.ValidationError,  # of a region's name, for one
        exceptions.ProfileNotFound,
        exceptions.ConfigParseError,
        exceptions.ConfigNotFound,
        exceptions.InvalidConfigError,
        exceptions.UnknownCredentialError,
    )
