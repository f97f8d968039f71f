"""Requests to the API server that are made often: kubectl costs more than everything else together."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from testbed.kubernetes.control_plane import ControlPlane
from testbed.waiting import eventually

JSONObject = dict[str, Any]

_ANSWER_SECONDS = 60
_MERGE_PATCH = "application/merge-patch+json"


def read(plane: ControlPlane, path: str) -> JSONObject:
    """What lies at a path. One that was just killed, or hung, is asked until it answers."""
    return eventually(lambda: _answer(plane, path), f"an answer of the API server to {path}")


def annotate(plane: ControlPlane, path: str, annotations: Mapping[str, str | None]) -> None:
    """Set annotations of an object, None removes one; an object that is gone needs none."""
    patch = {"metadata": {"annotations": dict(annotations)}}
    try:
        eventually(lambda: _answer(plane, path, patch), f"the annotations of {path}")
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise


def accepts(plane: ControlPlane, token: str) -> bool:
    """Whether the API server lets the bearer of a token in."""
    try:
        eventually(lambda: _answer(plane, "/version", token=token), "an answer of the API server")
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        return False
    return True


def _answer(
    plane: ControlPlane, path: str, patch: JSONObject | None = None, token: str = ""
) -> JSONObject | None:
    """None if there was no answer, or just the server's own trouble; HTTPError is a refusal."""
    request = urllib.request.Request(
        f"{plane.url}{path}",
        data=None if patch is None else json.dumps(patch).encode(),
        headers={
            "Authorization": f"Bearer {token or plane.admin_token}",
            **({} if patch is None else {"Content-Type": _MERGE_PATCH}),
        },
        method="GET" if patch is None else "PATCH",
    )
    context = ssl.create_default_context(cafile=plane.certificates.authority)
    try:
        with urllib.request.urlopen(request, context=context, timeout=_ANSWER_SECONDS) as answer:
            document: JSONObject = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code < 500 and error.code != 429:
            raise
        return None
    except (OSError, http.client.HTTPException):
        return None
    return document
