"""Requests to the API server: plain JSON in and out, over the official client's connection.

The generated API classes are not used: they would convert every document to typed models and back, lose
fields that this client's version does not know, reject a user's Pod template before the server can say what
is wrong with it, and take 30 MiB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, Unpack

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.config import ConfigException

from collectiverun_operator.cluster.kubernetes.server_clock import ServerClock
from collectiverun_operator.errors import ClusterError, ClusterUnreachableError, ConflictError
from collectiverun_operator.json_types import JSONObject

# Called for every request: with Kubernetes' verb, and the HTTP status or 0 without an answer.
OnRequest = Callable[[str, int], None]

METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
TIMEOUT_SECONDS = 30.0
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
# The answer is the object's metadata alone.
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class RequestOptions(TypedDict, total=False):
    """What `read` takes beside verb and path, and `send` hands on to it."""

    query: Mapping[str, Any] | None
    body: object
    content_type: str
    accept: str
    timeout_seconds: float


class KubernetesRequests:
    """Sends requests; a refusal raises an error with the server's message. `clock`: set by its answers."""

    def __init__(
        self, api: ApiClient, on_request: OnRequest | None = None, clock: ServerClock | None = None
    ) -> None:
        self.clock = clock or ServerClock()
        self._api = api
        self._on_request = on_request

    async def send(self, verb: str, path: str, **options: Unpack[RequestOptions]) -> JSONObject:
        """The answer as JSON.

        Raises ConflictError (409), ClusterError (any other refusal) or ClusterUnreachableError (no answer).
        """
        content = await self.read(verb, path, **options)
        try:
            document: JSONObject = json.loads(content)
        except ValueError as error:
            raise ClusterError(f"{verb} {path}: the answer is no JSON: {content[:200]!r}") from error
        return document

    async def find(self, path: str) -> JSONObject | None:
        """The object at a path; None if there is none. Raises as `send`."""
        try:
            return await self.send("get", path)
        except ClusterError as error:
            if error.code == 404:
                return None
            raise

    async def read(
        self,
        verb: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> bytes:
        """The answer's body as bytes. Raises as `send`."""
        code = 0
        try:
            headers = {"Accept": accept, "Content-Type": content_type}
            code, content = await self._exchange(verb, path, query, body, headers, timeout_seconds)
        except (aiohttp.ClientError, ConfigException, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            text = f"the API server at {self._api.configuration.host} does not answer ({verb} {path}): {why}"
            raise ClusterUnreachableError(text) from error
        finally:
            if self._on_request is not None:
                self._on_request(verb, code)
        if not 200 <= code <= 299:
            raise _refusal(f"{verb} {path}", code, content)
        return content

    async def _exchange(
        self,
        verb: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: object,
        headers: Mapping[str, str],
        timeout_seconds: float,
    ) -> tuple[int, bytes]:
        request = await self._api.param_serialize(
            METHODS[verb],
            path,
            query_params=list((query or {}).items()),
            header_params=dict(headers),
            body=body,
            auth_settings=["BearerToken"],
        )
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        asked_at = self.clock.steady()
        response = await self._api.call_api(*request, _request_timeout=timeout, _preload_content=False)
        self.clock.heard(response.headers.get("Date"), asked_at)
        content: bytes = await response.read()  # type: ignore[no-untyped-call]
        return int(response.status), content


def _refusal(what: str, code: int, content: bytes) -> ClusterError:
    """The error for a response that is no success, with the server's own message."""
    try:
        status = json.loads(content)
    except ValueError:
        status = {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        status = {"message": content[:500].decode(errors="replace").strip()}
    sentence = str(status.get("message") or "no reason given")
    kind = ConflictError if code == 409 else ClusterError
    reason = str(status.get("reason") or "")
    return kind(f"{what}: {code}: {sentence}", code=code, reason=reason, sentence=sentence)
