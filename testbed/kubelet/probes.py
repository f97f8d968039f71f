"""HTTP probes of a container: whether it has started, is ready, and is still alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from testbed import JSONObject

Report = Callable[[bool], None]
_DEFAULTS = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1}
_QUICK_SECONDS = 0.5


class Probes:
    """The probes of one container. Any that is not httpGet counts as passed here."""

    def __init__(self, container: JSONObject, ports: Mapping[int, int]) -> None:
        self._startup, self._readiness, self._liveness = (
            _Probe(container, ports, kind) for kind in ("startup", "readiness", "liveness")
        )

    async def follow(self, report_ready: Report, report_alive: Report) -> None:
        """Probe for ever; the others begin when the startup probe has passed."""
        async with aiohttp.ClientSession() as session:
            if not await self._startup.passes_in_time(session):
                report_alive(False)
                return
            # Readiness is probed often at first: somebody waits for it.
            await asyncio.gather(
                self._readiness.follow(session, report_ready, first_seconds=_QUICK_SECONDS),
                self._liveness.follow(session, report_alive),
            )


class _Probe:
    def __init__(self, container: JSONObject, ports: Mapping[int, int], kind: str) -> None:
        self._settings: dict[str, Any] = _DEFAULTS | container.get(f"{kind}Probe", {})
        self._period: float = self._settings["periodSeconds"]
        self._url = self._url_of(container, ports) if "httpGet" in self._settings else None

    async def passes_in_time(self, session: aiohttp.ClientSession) -> bool:
        """Whether it passes before it would have failed too often."""
        patience = self._settings["failureThreshold"] * self._period
        deadline = asyncio.get_running_loop().time() + patience
        while not await self._passes(session):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_QUICK_SECONDS)
        return True

    async def follow(
        self, session: aiohttp.ClientSession, report: Report, first_seconds: float | None = None
    ) -> None:
        """Report a result that was repeated as often as the thresholds demand."""
        needed = {True: self._settings["successThreshold"], False: self._settings["failureThreshold"]}
        reported, streak, last = None, 0, None
        while True:
            passes = await self._passes(session)
            streak = streak + 1 if passes == last else 1
            last = passes
            if streak >= needed[passes] and reported != passes:
                reported = passes
                report(passes)
            await asyncio.sleep(self._period if reported else first_seconds or self._period)

    async def _passes(self, session: aiohttp.ClientSession) -> bool:
        if self._url is None:
            return True
        timeout = aiohttp.ClientTimeout(total=self._settings["timeoutSeconds"])
        try:
            async with session.get(self._url, timeout=timeout) as answer:
                return answer.status < 400
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _url_of(self, container: JSONObject, ports: Mapping[int, int]) -> str:
        action = self._settings["httpGet"]
        named = {port["name"]: port["containerPort"] for port in container.get("ports", []) if "name" in port}
        declared = int(named.get(action["port"], action["port"]))
        return f"http://127.0.0.1:{ports.get(declared, declared)}{action.get('path', '/')}"
