"""Long phase orders in an environment variable, which Linux limits to 128 KiB."""

from __future__ import annotations

import base64
import gzip

_PREFIX = "gzip:"


def packed(text: str) -> str:
    """The text compressed, as letters and digits; the same text gives the same."""
    return _PREFIX + base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpacked(text: str) -> str:
    """What `packed` was given; any other text as it is. Raises ValueError if it is damaged."""
    if not text.startswith(_PREFIX):
        return text
    try:
        return gzip.decompress(base64.b64decode(text.removeprefix(_PREFIX), validate=True)).decode()
    except (OSError, EOFError) as error:
        raise ValueError(f"it can't be unpacked: {error}") from error
