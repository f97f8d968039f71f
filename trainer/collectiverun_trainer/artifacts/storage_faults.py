"""What a storage error means: transient, permanent, or the object does not exist."""

from __future__ import annotations

import errno

from collectiverun_trainer.errors import InvalidConfiguration, PhaseError, StorageUnavailable

# Codes that s3fs turns into EINVAL like a wrong request, though a retry may well succeed.
_TRANSIENT_CODES = frozenset({"BadDigest", "IncompleteBody", "InvalidPart", "XAmzContentSHA256Mismatch"})
# A later Pod may have a fresh token or a clock that is right, so these count as infrastructure.
_EXPIRED_CODES = frozenset({"ExpiredToken", "TokenRefreshRequired", "RequestTimeTooSkewed"})
_MISSING_CODES = frozenset({None, "NoSuchKey", "NoSuchVersion", "404"})
_PERMANENT_ERRNOS = frozenset({errno.EINVAL, errno.ENAMETOOLONG, errno.EPERM, errno.EROFS, errno.ENOSYS})
_CLIENT_PACKAGES = frozenset({"botocore", "aiobotocore", "aiohttp", "s3fs", "urllib3"})


def is_fault(error: BaseException) -> bool:
    """Whether the error comes from storage; any other is a bug and must surface as one."""
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in _CLIENT_PACKAGES


def is_missing(error: BaseException) -> bool:
    """Whether the object (not its bucket) does not exist."""
    return isinstance(error, FileNotFoundError) and _server_code(error) in _MISSING_CODES


def is_transient(error: BaseException) -> bool:
    """Whether a retry may help."""
    return is_fault(error) and not is_missing(error) and permanent_fault(error, "") is None


def permanent_fault(error: BaseException, uri: str) -> PhaseError | None:
    """The error to raise at once, or None if a retry may help. Not for missing objects."""
    code = _server_code(error)
    if code in _EXPIRED_CODES:
        return StorageUnavailable(f"The credentials for {uri} are not valid now ({error}); renew them.")
    if code == "NoSuchBucket":
        return InvalidConfiguration(f"The bucket of {uri} does not exist; create it or correct storage.uri.")
    if isinstance(error, PermissionError):
        return InvalidConfiguration(
            f"Access to {uri} was refused ({error}); check its permissions and, for s3://, "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError):
        return InvalidConfiguration(
            f"{uri} cannot be used: a file or folder of that name is in the way ({error})."
        )
    if isinstance(error, OSError) and error.errno in _PERMANENT_ERRNOS and code not in _TRANSIENT_CODES:
        return InvalidConfiguration(
            f"Storage cannot serve {uri} ({error}); check storage.uri, endpoint and region."
        )
    return _client_fault(error, uri)


def _server_code(error: BaseException) -> str | None:
    """The code of the S3 server's answer, such as NoSuchBucket; s3fs keeps the answer as the cause."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


def _client_fault(error: BaseException, uri: str) -> PhaseError | None:
    """Faults that the S3 client finds before or instead of an answer of the server."""
    if not type(error).__module__.startswith("botocore"):
        return None
    from botocore import exceptions  # imported late: file:// and memory:// need none of it

    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return InvalidConfiguration(
            f"There are no credentials for {uri}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if isinstance(error, exceptions.ParamValidationError | exceptions.NoRegionError):
        return InvalidConfiguration(f"The S3 client refuses {uri} ({error}); check storage.uri and region.")
    if isinstance(error, exceptions.SSLError) and "certificate" in str(error).lower():
        return InvalidConfiguration(
            f"The certificate of the server of {uri} is not trusted ({error}); give its CA bundle."
        )
    return None
