"""The API server over HTTPS: JSON in and out, and a watch that never gives up."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from testbed import JSONObject

RETRY_SECONDS = 0.3
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
_CONCURRENT_REQUESTS = 64
_LONGEST_LINE_BYTES = 1 << 22

log = logging.getLogger(__name__)


class ApiError(RuntimeError):
    """The API server refused a request."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class ApiClient:
    """Requests of one user. One that gets no answer is repeated until it does."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, kubeconfig: Path) -> AsyncIterator[ApiClient]:
        """A client of the only cluster, as the only user, in a file that `write_kubeconfig` wrote."""
        document = json.loads(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        async with aiohttp.ClientSession(
            cluster["server"],
            connector=aiohttp.TCPConnector(ssl=context, limit=_CONCURRENT_REQUESTS),
            headers={"Authorization": f"Bearer {user['token']}"},
            read_bufsize=_LONGEST_LINE_BYTES,
        ) as session:
            yield cls(cluster["server"], session)

    async def request(
        self, method: str, path: str, body: JSONObject | None = None, content_type: str = "application/json"
    ) -> JSONObject:
        """The answer; ApiError if it is a refusal."""
        while True:
            try:
                return await self._once(method, path, body, content_type)
            except (aiohttp.ClientError, OSError) as error:
                log.info("%s %s: %r, tried again", method, path, error)
            except ApiError as error:
                if error.code < 500 and error.code != 429:
                    raise
                log.info("%s %s: %s, tried again", method, path, error)
            await asyncio.sleep(RETRY_SECONDS)

    async def find(self, path: str) -> JSONObject | None:
        """The object, or None if there is none."""
        try:
            return await self.request("GET", path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def patch_status(self, path: str, status: JSONObject) -> None:
        """Merge into the status of an object; one that is gone needs none."""
        try:
            await self.request("PATCH", f"{path}/status", {"status": status}, STRATEGIC_MERGE)
        except ApiError as error:
            if error.code != 404:
                raise

    async def remove_pod(self, pod: JSONObject) -> None:
        """Delete a Pod whose containers have ended: exactly this one, and without a grace period."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        try:
            await self.request("DELETE", pod_path(pod), options)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    async def watch(self, path: str, selector: str) -> AsyncIterator[tuple[str, JSONObject]]:
        """(type, object) of all there is (type LISTED, then one SYNCED) and of what happens from then on.

        Begins anew, with everything there is, whenever the watch breaks.
        """
        while True:
            listed = await self.request("GET", f"{path}?{selector}")
            for item in listed["items"]:
                yield "LISTED", item
            yield "SYNCED", listed
            try:
                async for event in self._stream(path, selector, listed["metadata"]["resourceVersion"]):
                    yield event["type"], event["object"]
            except (aiohttp.ClientError, OSError) as error:
                log.info("the watch of %s broke: %r", path, error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _once(self, method: str, path: str, body: JSONObject | None, content_type: str) -> JSONObject:
        async with self._session.request(
            method,
            path,
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type},
            timeout=aiohttp.ClientTimeout(total=30),
        ) as answer:
            text = await answer.text()
            if answer.status >= 400:  # the text is not always JSON
                raise ApiError(answer.status, text)
            document: JSONObject = json.loads(text)
            return document

    async def _stream(self, path: str, selector: str, version: str) -> AsyncIterator[JSONObject]:
        endless = aiohttp.ClientTimeout(total=None, sock_connect=10)
        watch = f"{path}?{selector}&watch=1&resourceVersion={version}"
        async with self._session.get(watch, timeout=endless) as answer:
            if answer.status != 200:
                return
            async for line in answer.content:
                if not line.endswith(b"\n"):  # cut off
                    return
                event = json.loads(line)
                if event.get("type", "ERROR") == "ERROR":
                    return
                yield event


def pod_path(pod: JSONObject) -> str:
    """Path of a Pod on the API server."""
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
