"""HTTP probes of a container: whether it has started, is ready, and is still alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import aiohttp

from testbed import JSONObject

Tell = Callable[[bool], None]
_QUICK_SECONDS = 0.5


class Probes:
    """The probes of one container. Any that is not httpGet counts as passed here."""

    def __init__(self, container: JSONObject, ports: Mapping[int, int]) -> None:
        self._container = container
        self._ports = ports

    async def follow(self, tell_ready: Tell, tell_alive: Tell) -> None:
        """Ask for ever; the other probes begin when the one for the start has passed."""
        startup, readiness, liveness = (
            self._container.get(f"{kind}Probe", {}) for kind in ("startup", "readiness", "liveness")
        )
        async with aiohttp.ClientSession() as session:
            if not await self._has_started(session, startup):
                tell_alive(False)
                return
            # Readiness is probed often at first: somebody waits for it.
            await asyncio.gather(
                self._repeat(session, readiness, tell_ready, first_period=_QUICK_SECONDS),
                self._repeat(session, liveness, tell_alive),
            )

    async def _has_started(self, session: aiohttp.ClientSession, probe: JSONObject) -> bool:
        url = self._url(probe)
        patience = probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
        deadline = asyncio.get_running_loop().time() + probe.get("initialDelaySeconds", 0) + patience
        while url and not await _passes(session, url, probe):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_QUICK_SECONDS)
        return True

    async def _repeat(
        self, session: aiohttp.ClientSession, probe: JSONObject, tell: Tell, first_period: float | None = None
    ) -> None:
        """Report a result that was repeated as often as the thresholds demand."""
        url = self._url(probe)
        if url is None:
            tell(True)
            return
        period = probe.get("periodSeconds", 10)
        needed = {True: probe.get("successThreshold", 1), False: probe.get("failureThreshold", 3)}
        told, streak, last = None, 0, None
        await asyncio.sleep(probe.get("initialDelaySeconds", 0))
        while True:
            passed = await _passes(session, url, probe)
            streak = streak + 1 if passed == last else 1
            last = passed
            if streak >= needed[passed] and told != passed:
                told = passed
                tell(passed)
            await asyncio.sleep(period if told else first_period or period)

    def _url(self, probe: JSONObject) -> str | None:
        action = probe.get("httpGet")
        if not action:
            return None
        ports = self._container.get("ports", [])
        named = {port["name"]: port["containerPort"] for port in ports if "name" in port}
        declared = int(named.get(action["port"], action["port"]))
        scheme = action.get("scheme", "HTTP").lower()
        return f"{scheme}://127.0.0.1:{self._ports.get(declared, declared)}{action.get('path', '/')}"


async def _passes(session: aiohttp.ClientSession, url: str, probe: JSONObject) -> bool:
    seconds = probe.get("timeoutSeconds", 1)
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=seconds)) as answer:
            return answer.status < 400
    except (aiohttp.ClientError, TimeoutError):
        return False
