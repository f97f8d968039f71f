"""Asking a server of this machine over HTTP."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from http.client import HTTPException


def http_get(
    url: str, token: str = "", context: ssl.SSLContext | None = None, seconds: float = 10.0
) -> tuple[int, str]:
    """Status code and text of the answer; 0 and the reason if there is none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, context=context, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, HTTPException) as error:  # also where the server ends in the middle of its answer
        return 0, str(error)
