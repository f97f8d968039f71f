"""Names that S3 clients and servers take, of a server (endpoint) and of a bucket: for all checks of them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class NameRule(NamedTuple):
    """A pattern for the whole of a name, and what to say of one that does not match."""

    pattern: str
    advice: str

    def allows(self, name: str) -> bool:
        """Whether the name matches."""
        return re.fullmatch(self.pattern, name) is not None


# RFC 1123 and no more, as botocore has it: it refuses an underscore with a bare ValueError.
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"({_LABEL}([.]{_LABEL})*[.]?|\[[0-9A-Fa-f:.]+\])"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
# Without look-around: API servers match patterns as RE2.
ENDPOINT: Final = NameRule(
    rf"https?://{_HOST}(:{_PORT})?(/[^\s?#]*)?",
    "is not a URL; write https://host:port, the host in letters, digits, '-' and '.'",
)
# What a message shows of an address that may hold a password.
HIDDEN_USER: Final = "user:password@…"

AWS_BUCKET: Final = NameRule(
    "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "is no bucket name of AWS: 3 to 63 lower-case letters, digits, '-' and '.'; "
    "for a bucket of another server set endpoint",
)
# Other servers take more: capitals and '_' (Google, MinIO of old), a tenant before a colon (Ceph).
ANY_BUCKET: Final = NameRule(
    "[A-Za-z0-9_][A-Za-z0-9._:-]{0,254}",
    "is no bucket name: letters, digits, '-', '.' and '_', a ':' after a tenant",
)


def endpoint_fault(endpoint: str) -> str | None:
    """What is wrong with the address of a server; None if nothing is."""
    if ENDPOINT.allows(endpoint):
        return None
    return f"{HIDDEN_USER if '@' in endpoint else endpoint!r} {ENDPOINT.advice}"


STORAGE_OPTIONS: Final = ("endpoint", "region", "addressing", "insecure")
"""Fields of `spec.storage` that say how a machine reaches S3, by the same names in a phase order."""
