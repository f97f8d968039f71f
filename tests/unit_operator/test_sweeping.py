"""Finished Jobs are deleted beside the rounds: each once, slowly, and until it succeeds."""

from __future__ import annotations

import asyncio

import pytest
from testbed.waiting import LIMIT_SECONDS

from collectiverun_operator.cluster.kubernetes.sweeper import DELETIONS_AT_ONCE, Sweeper
from collectiverun_operator.errors import ClusterError


async def some_time_until(condition):
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


class Server:
    """Takes the first deletions for bad weather, as many as it is told."""

    def __init__(self, refusals: int = 0) -> None:
        self.asked: list[str] = []
        self._refusals = refusals

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        self.asked.append(uid)
        if len(self.asked) <= self._refusals:
            raise ClusterError("the server is starting", code=503)


def test_what_is_asked_for_again_while_it_waits_is_deleted_once():
    async def scene() -> list[str]:
        server = Server()
        sweeper = Sweeper(server.delete)
        for _ in range(3):
            for number in range(DELETIONS_AT_ONCE):
                sweeper.add("lab", f"job-{number}", str(number))
        await some_time_until(lambda: len(server.asked) >= DELETIONS_AT_ONCE)
        await sweeper.close()
        return server.asked

    assert sorted(asyncio.run(scene())) == sorted(map(str, range(DELETIONS_AT_ONCE)))


def test_a_deletion_that_is_refused_is_tried_again_and_said(caplog: pytest.LogCaptureFixture):
    async def scene() -> list[str]:
        server = Server(refusals=2)
        sweeper = Sweeper(server.delete)
        sweeper.add("lab", "demo-experts-1", "u")
        await some_time_until(lambda: len(server.asked) == 3)
        await sweeper.close()
        return server.asked

    assert asyncio.run(scene()) == ["u"] * 3
    assert caplog.text.count("Job lab/demo-experts-1 could not be deleted and is retried") == 2


def test_what_is_gone_may_be_asked_for_again():
    async def scene() -> list[str]:
        server = Server()
        sweeper = Sweeper(server.delete)
        for asked in (1, 2):
            sweeper.add("lab", "job", "u")
            await some_time_until(lambda asked=asked: len(server.asked) == asked)
            await asyncio.sleep(0)
        await sweeper.close()
        return server.asked

    assert asyncio.run(scene()) == ["u", "u"]


def test_an_operator_that_ends_does_not_wait_for_a_hundred_deletions():
    async def scene() -> tuple[int, int]:
        server = Server()
        sweeper = Sweeper(server.delete)
        for number in range(100 * DELETIONS_AT_ONCE):
            sweeper.add("lab", f"job-{number}", str(number))
        await some_time_until(lambda: len(server.asked) >= DELETIONS_AT_ONCE)
        # How many were due by now is a matter of how fast this machine is.
        begun = len(server.asked)
        await sweeper.close()
        return begun, len(server.asked)

    begun, asked = asyncio.run(scene())
    assert asked == begun
