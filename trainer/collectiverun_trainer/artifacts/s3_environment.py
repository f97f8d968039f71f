"""What the S3 client takes from its environment: checked first, so that a fault names the variable."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

from collectiverun_trainer.errors import InvalidConfiguration

KEY_VARIABLES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
CA_BUNDLE_VARIABLE: Final = "AWS_CA_BUNDLE"
_ONE_WORD: Final = (*KEY_VARIABLES, "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION")
_VENDOR = Path("/sys/class/dmi/id/sys_vendor")


def check() -> None:
    """Raises InvalidConfiguration with the name of a variable that can't be right; never with its value."""
    for name in _ONE_WORD:
        value = os.environ.get(name, "")
        if not all("!" <= character <= "~" for character in value):
            raise InvalidConfiguration(
                f"{name} holds a space, the end of a line or a character that is not ASCII, "
                "which no key, token or region has; correct the variable, or the Secret that it comes from."
            )
    if bundle := os.environ.get(CA_BUNDLE_VARIABLE):
        check_certificates(CA_BUNDLE_VARIABLE, bundle)


def check_certificates(name: str, path: str) -> None:
    """Raises InvalidConfiguration if the file that `name` gives holds no certificates."""
    if not Path(path).is_file():
        raise InvalidConfiguration(
            f"{name} {path!r} is not a file; give the path of certificates in PEM format."
        )
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise InvalidConfiguration(
            f"{name} {path!r} holds no certificates in PEM format ({error}); correct the file."
        ) from error


def may_bring_credentials() -> bool:
    """Whether a metadata service could give credentials later: it is slow when many Pods of a node start.

    A machine that has none (a laptop without keys) must not wait for it.
    """
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    named = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "KUBERNETES_SERVICE_HOST")
    return any(os.environ.get(name) for name in named) or _vendor().startswith("Amazon EC2")


def _vendor() -> str:
    try:
        return _VENDOR.read_text().strip()
    except OSError:
        return ""
