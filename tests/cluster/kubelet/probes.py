"""HTTP probes of a container: whether it is ready, and whether it is still alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

JSONObject = dict[str, Any]


def probe_url(container: JSONObject, probe: JSONObject, ports: Mapping[int, int]) -> str | None:
    """Where an httpGet probe looks; None for any other kind, which counts as passed here."""
    action = probe.get("httpGet")
    if not action:
        return None
    named = {port["name"]: port["containerPort"] for port in container.get("ports", []) if "name" in port}
    declared = named.get(action["port"], action["port"])
    port = ports.get(int(declared), declared)
    return f"{action.get('scheme', 'HTTP').lower()}://127.0.0.1:{port}{action.get('path', '/')}"


async def follow_probe(url: str, probe: JSONObject, tell: Callable[[bool], None]) -> None:
    """Ask again and again, and tell when the answer has held for as often as the probe demands."""
    needed = {True: probe.get("successThreshold", 1), False: probe.get("failureThreshold", 3)}
    told, streak, last = None, 0, None
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    async with aiohttp.ClientSession() as session:
        while True:
            passed = await _passes(session, url, probe.get("timeoutSeconds", 1))
            streak = streak + 1 if passed == last else 1
            last = passed
            if streak >= needed[passed] and told != passed:
                told = passed
                tell(passed)
            await asyncio.sleep(probe.get("periodSeconds", 10) if told else 0.5)


async def _passes(session: aiohttp.ClientSession, url: str, seconds: float) -> bool:
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=seconds)) as answer:
            return answer.status < 400
    except (aiohttp.ClientError, TimeoutError):
        return False
