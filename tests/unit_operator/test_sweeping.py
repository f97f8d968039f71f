"""Finished Jobs are deleted beside the rounds: each once, those of a phase together, until it succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from testbed.waiting import LIMIT_SECONDS

from collectiverun_operator.cluster.kubernetes.sweeper import DELETIONS_AT_ONCE, Lot, Sweeper, Swept
from collectiverun_operator.errors import ClusterError

EXPERTS = Lot("lab", "run-uid", "experts", "1")


async def some_time_until(condition):
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


class Server:
    """Takes the first deletions for bad weather, as many as it is told. `asked`: UIDs, by request."""

    def __init__(self, refusals: int = 0) -> None:
        self.asked: list[list[str]] = []
        self._refusals = refusals

    async def delete(self, lot: Lot, jobs: Mapping[str, Swept]) -> None:
        self.asked.append(sorted(jobs))
        if len(self.asked) <= self._refusals:
            raise ClusterError("the server is starting", code=503)


def job(number: int = 1) -> Swept:
    return Swept(f"demo-experts-{number}", f"member-{number}")


def test_what_is_asked_for_again_while_it_waits_is_deleted_once_and_together():
    async def scene() -> list[list[str]]:
        server = Server()
        sweeper = Sweeper(server.delete)
        for _ in range(3):
            for number in range(DELETIONS_AT_ONCE):
                sweeper.add(EXPERTS, str(number), job(number))
        await some_time_until(lambda: server.asked)
        await sweeper.close()
        return server.asked

    assert asyncio.run(scene()) == [sorted(map(str, range(DELETIONS_AT_ONCE)))]


def test_jobs_of_two_runs_are_never_in_one_request():
    async def scene() -> list[list[str]]:
        server = Server()
        sweeper = Sweeper(server.delete)
        sweeper.add(EXPERTS, "a", job())
        sweeper.add(Lot("lab", "another-uid", "experts", "1"), "b", job())
        await some_time_until(lambda: len(server.asked) == 2)
        await sweeper.close()
        return server.asked

    assert sorted(asyncio.run(scene())) == [["a"], ["b"]]


def test_what_is_added_while_the_server_is_asked_is_deleted_too():
    async def scene() -> list[list[str]]:
        server = Server()

        async def delete(lot: Lot, jobs: Mapping[str, Swept]) -> None:
            await server.delete(lot, jobs)
            if len(server.asked) == 1:
                sweeper.add(EXPERTS, "late", job(2))

        sweeper = Sweeper(delete)
        sweeper.add(EXPERTS, "early", job(1))
        await some_time_until(lambda: len(server.asked) == 2)
        await sweeper.close()
        return server.asked

    assert asyncio.run(scene()) == [["early"], ["late"]]


def test_a_deletion_that_is_refused_is_tried_again_and_said(caplog: pytest.LogCaptureFixture):
    async def scene() -> list[list[str]]:
        server = Server(refusals=2)
        sweeper = Sweeper(server.delete)
        sweeper.add(EXPERTS, "u", job(1))
        await some_time_until(lambda: len(server.asked) == 3)
        await sweeper.close()
        return server.asked

    assert asyncio.run(scene()) == [["u"]] * 3
    assert caplog.text.count("Jobs demo-experts-1 of lab could not be deleted and are retried") == 2


def test_what_is_gone_may_be_asked_for_again():
    async def scene() -> list[list[str]]:
        server = Server()
        sweeper = Sweeper(server.delete)
        for asked in (1, 2):
            sweeper.add(EXPERTS, "u", job())
            await some_time_until(lambda asked=asked: len(server.asked) == asked)
            await asyncio.sleep(0)
        await sweeper.close()
        return server.asked

    assert asyncio.run(scene()) == [["u"], ["u"]]


def test_an_operator_that_ends_does_not_wait_for_a_hundred_deletions():
    async def scene() -> tuple[int, int]:
        server = Server()
        sweeper = Sweeper(server.delete)
        for number in range(100 * DELETIONS_AT_ONCE):
            sweeper.add(Lot("lab", f"run-{number}", "experts", "1"), str(number), job())
        await some_time_until(lambda: len(server.asked) >= DELETIONS_AT_ONCE)
        # How many were due by now is a matter of how fast this machine is.
        begun = len(server.asked)
        await sweeper.close()
        return begun, len(server.asked)

    begun, asked = asyncio.run(scene())
    assert asked == begun
