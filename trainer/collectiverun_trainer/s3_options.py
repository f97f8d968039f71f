"""How the S3 client is set up. Pure data; the client itself is `storage.py`'s."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.order import StorageOptions

CONNECT_TIMEOUT_SECONDS: Final = 10
READ_TIMEOUT_SECONDS: Final = 60


def arguments(options: StorageOptions) -> dict[str, Any]:
    """Arguments of s3fs. Credentials are left to botocore, which takes them from AWS_* of the environment."""
    config: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "read_timeout": READ_TIMEOUT_SECONDS,
        "retries": {"mode": "standard", "max_attempts": 2},
        "s3": {"addressing_style": options.addressing.lower()},
    }
    client: dict[str, Any] = {"verify": _verification(options)}
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
        "client_kwargs": client,
        "config_kwargs": config,
    }


def _verification(options: StorageOptions) -> bool | str:
    if options.ca_bundle_path is None:
        return not options.insecure
    if not Path(options.ca_bundle_path).is_file():
        raise InvalidConfiguration(
            f"storage.caBundlePath {options.ca_bundle_path!r} is no file; give its path."
        )
    return options.ca_bundle_path


def _check_endpoint(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidConfiguration(
            f"storage.endpoint {endpoint!r} is no URL; use https://host or http://host:port."
        )
