"""Options of the S3 client, as data; `storage.py` makes the client."""

from __future__ import annotations

from typing import Any, Final

from collectiverun_trainer.artifacts import s3_environment
from collectiverun_trainer.config import endpoint_fault
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.order import StorageOptions

CONNECT_TIMEOUT_SECONDS: Final = 10
READ_TIMEOUT_SECONDS: Final = 60
# A slower upload than this counts as hung.
MIN_BYTES_PER_SECOND: Final = 200_000


def arguments(options: StorageOptions, limit_seconds: float) -> dict[str, Any]:
    """Arguments of s3fs.

    Credentials are left to botocore, which reads AWS_* from the environment. No single wait is longer
    than `limit_seconds`, the time after which storage counts as unavailable.
    """
    config: dict[str, Any] = {
        "connect_timeout": _at_most(CONNECT_TIMEOUT_SECONDS, limit_seconds),
        "read_timeout": _at_most(READ_TIMEOUT_SECONDS, limit_seconds),
        "tcp_keepalive": True,
        "retries": {"mode": "standard", "max_attempts": 2},
        "s3": {"addressing_style": options.addressing.lower()},
    }
    client: dict[str, Any] = _verification(options)
    if options.endpoint:
        _check_endpoint(options.endpoint)
        # Many servers do not know the newer checksums; every object is checked by its sha256 anyway.
        config |= {
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
    if options.region:
        client["region_name"] = options.region
    return {
        "endpoint_url": options.endpoint,
        "use_listings_cache": False,
        "session": _session(),
        "client_kwargs": client,
        "config_kwargs": config,
    }


def write_seconds(size_bytes: int, limit_seconds: float) -> float:
    """Timeout of one attempt to write an object of this size."""
    return _at_most(READ_TIMEOUT_SECONDS, limit_seconds) + size_bytes / MIN_BYTES_PER_SECOND


def _at_most(seconds: float, limit_seconds: float) -> float:
    return max(1.0, min(seconds, limit_seconds))


def _verification(options: StorageOptions) -> dict[str, bool | str]:
    """Nothing where the order says nothing: then botocore reads AWS_CA_BUNDLE and its own settings."""
    if options.ca_bundle_path is not None:
        s3_environment.check_certificates("storage.caBundlePath", options.ca_bundle_path)
        return {"verify": options.ca_bundle_path}
    return {"verify": False} if options.insecure else {}


def _session() -> Any:
    """A session that leaves bucket names to the server: those of a tenant (Ceph) are none of AWS."""
    from aiobotocore.session import get_session  # imported late: file:// and memory:// need none of it
    from botocore import handlers

    session = get_session()
    session.unregister("before-parameter-build.s3", handlers.validate_bucket_name)
    return session


def _check_endpoint(endpoint: str) -> None:
    if fault := endpoint_fault(endpoint):
        raise InvalidConfiguration(f"storage.endpoint {fault}.")
