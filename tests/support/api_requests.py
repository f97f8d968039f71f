"""Requests to the API server without kubectl, which costs more than all that a test asks for."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

from testbed import JSONObject
from testbed.kubernetes.control_plane import ControlPlane
from testbed.waiting import eventually

_ANSWER_SECONDS = 60
_MERGE_PATCH = "application/merge-patch+json"


def send(
    plane: ControlPlane, method: str, path: str, body: JSONObject | None = None, *, token: str = ""
) -> JSONObject:
    """The answer, as administrator unless a token is given. HTTPError is the server's refusal.

    A server that was just killed, or hangs, is asked until it answers.
    """
    what = f"an answer of the API server to {method} {path}"
    return eventually(lambda: _answer(plane, method, path, body, token), what) or {}


def send_if_there(
    plane: ControlPlane, method: str, path: str, body: JSONObject | None = None
) -> JSONObject | None:
    """The same of an object that may not be there: then None."""
    try:
        return send(plane, method, path, body)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return None


def accepts_token(plane: ControlPlane, token: str) -> bool:
    """Whether the API server lets the bearer of a token in."""
    try:
        send(plane, "GET", "/version", token=token)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        return False
    return True


def _answer(
    plane: ControlPlane, method: str, path: str, body: JSONObject | None, token: str
) -> JSONObject | None:
    """None if there was no answer, or just the server's own trouble."""
    request = urllib.request.Request(
        f"{plane.url}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {token or plane.admin_token}",
            "Content-Type": _MERGE_PATCH if method == "PATCH" else "application/json",
        },
        method=method,
    )
    context = _tls(plane.certificates.authority)
    try:
        with urllib.request.urlopen(request, context=context, timeout=_ANSWER_SECONDS) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        if error.code < 500 and error.code != 429:
            raise
        return None
    except (OSError, http.client.HTTPException):
        return None


@cache
def _tls(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)
