"""/healthz fails when the operator does not do its work."""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request
from http import HTTPStatus

import pytest
from testbed.waiting import LIMIT_SECONDS

from collectiverun_operator.controller.health import Canary, Health, liveness_check, queue_check
from collectiverun_operator.controller.http import HTTPEndpoint, PortTakenError


def free_port() -> int:
    """A port nobody listens on, at this moment."""
    with socket.socket() as found:
        found.bind(("", 0))
        return int(found.getsockname()[1])


async def served(path: str, health: Health) -> tuple[HTTPEndpoint, int]:
    """An endpoint that has started, and its port: another one where somebody took it in between."""
    while True:
        port = free_port()
        endpoint = HTTPEndpoint(path, port, health.answer)
        try:
            await endpoint.start()
        except PortTakenError:
            await endpoint.stop()
        else:
            return endpoint, port


def test_a_canary_that_is_not_seen_for_too_long_is_a_fault_until_it_is_seen_again() -> None:
    now = 0.0
    canary = Canary("team/operator", limit_seconds=120, clock=lambda: now)
    now = 120.0
    assert canary.check() is None
    now = 130.0
    assert "team/operator for 130 s (limit 120 s)" in str(canary.check())
    canary.seen()
    assert canary.check() is None


def test_a_queue_that_stands_still_for_too_long_is_a_fault() -> None:
    assert queue_check(lambda: 119.0, 120)() is None
    assert "been stalled for 121 s" in str(queue_check(lambda: 121.0, 120)())


def test_a_task_that_ended_is_a_fault() -> None:
    assert liveness_check(list)() is None
    assert "worker 3" in str(liveness_check(lambda: ["worker 3"])())


async def _ask(health: Health) -> tuple[int, str]:
    endpoint, port = await served("/healthz", health)
    try:
        return await asyncio.to_thread(_get, f"http://127.0.0.1:{port}/healthz")
    finally:
        await endpoint.stop()


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=LIMIT_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_answer_is_200_or_503_with_every_fault() -> None:
    assert asyncio.run(_ask(Health([lambda: None]))) == (HTTPStatus.OK, "ok\n")
    unwell = Health([lambda: "the watch is dead", lambda: None, lambda: "a worker ended"])
    expected = (HTTPStatus.SERVICE_UNAVAILABLE, "the watch is dead\na worker ended\n")
    assert asyncio.run(_ask(unwell)) == expected


async def _serve_twice() -> None:
    first, port = await served("/healthz", Health([]))
    second = HTTPEndpoint("/metrics", port, Health([]).answer)
    try:
        await second.start()
    finally:
        await second.stop()
        await first.stop()


def test_a_taken_port_is_a_sentence() -> None:
    with pytest.raises(PortTakenError, match=r"/metrics can't be served on port .*: .*; set another port"):
        asyncio.run(_serve_twice())


def test_port_0_serves_nothing() -> None:
    asyncio.run(HTTPEndpoint("/healthz", 0, Health([]).answer).start())
