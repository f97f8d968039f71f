"""Reading progress waits for no slow node, keeps within its bounds and ends when it is told to.

The node is faked here, because it is slow, silent or wrong on purpose;
real logs are read in `tests/kubernetes_cluster`.
"""

import asyncio
import json
from itertools import pairwise

from testbed.waiting import LIMIT_SECONDS
from unit_operator.builders import running

from collectiverun_operator.cluster.kubernetes.progress import (
    CONCURRENT_READS,
    MAX_FAILURES,
    READS_AT_ONCE,
    READS_PER_SECOND,
    PodProgress,
)
from collectiverun_operator.cluster.kubernetes.server_clock import ServerClock
from collectiverun_operator.errors import ClusterError

LINE = json.dumps({"kind": "progress", "envSteps": 5}).encode()


class Node:
    """Answers log requests as a test says, and counts them."""

    def __init__(self):
        self.clock = ServerClock()
        self.content = LINE
        self.is_stuck = False
        self.is_failing = False
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0

    async def read(self, verb, path, *, query, timeout_seconds):
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(3600 if self.is_stuck else 0)
        finally:
            self.at_once -= 1
        if self.is_failing:
            raise ClusterError("the node does not answer", code=500)
        return self.content


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def pod(number=1, status=None):
    owner = {"kind": "Job", "name": f"job-{number}", "uid": f"job-uid-{number}", "controller": True}
    metadata = {"name": f"pod-{number}", "uid": f"uid-{number}", "namespace": "team"}
    return {"metadata": metadata | {"ownerReferences": [owner]}, "status": status or running()}


def play(scene, seconds=30.0):
    async def run():
        node, clock = Node(), Clock()
        progress = PodProgress(node, seconds, clock)
        try:
            return await scene(progress, node, clock)
        finally:
            await progress.close()
            assert node.at_once == 0, "a read outlived its end"

    return asyncio.run(run())


async def settled(progress):
    """Wait for every read that has begun: a round waits for them a tenth of a second at most."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while any(pod.reading for run in progress._runs.values() for pod in run.values()):
            await asyncio.sleep(0)


def test_progress_is_told_by_the_name_of_the_job():
    async def scene(progress, node, clock):
        return await progress.newest("run", [pod(1), pod(2)])

    assert {name: line.env_steps for name, line in play(scene).items()} == {"job-1": 5, "job-2": 5}


def test_pods_that_do_not_run_are_not_asked():
    async def scene(progress, node, clock):
        assert await progress.newest("run", [pod(status={"phase": "Pending"})]) == {}
        return node.asked

    assert play(scene) == 0


def test_a_log_is_read_again_after_the_interval_and_not_before():
    async def scene(progress, node, clock):
        for seconds in (0, 10, 19, 1, 30):
            clock.now += seconds
            await progress.newest("run", [pod()])
        return node.asked

    assert play(scene) == 3


def test_a_node_that_does_not_answer_holds_nobody_up_and_is_asked_once():
    async def scene(progress, node, clock):
        node.is_stuck = True
        for _ in range(3):
            async with asyncio.timeout(LIMIT_SECONDS):
                assert await progress.newest("run", [pod()]) == {}
            clock.now += 60
        return node.asked

    assert play(scene) == 1


def test_a_log_without_progress_leaves_what_was_known():
    async def scene(progress, node, clock):
        await progress.newest("run", [pod()])
        node.content = b'{"kind": "metrics"}\nTraceback\n{"kind": "prog'
        clock.now += 60
        return await progress.newest("run", [pod()])

    assert play(scene)["job-1"].env_steps == 5


def test_a_log_that_can_not_be_read_is_asked_for_less_and_less_and_again_when_it_can():
    async def scene(progress, node, clock):
        node.is_failing = True
        times = []
        for _ in range(200):
            before = node.asked
            assert await progress.newest("run", [pod()]) == {}
            times += [clock.now] if node.asked > before else []
            clock.now += 15
        waits = [after - before for before, after in pairwise(times)]
        assert waits[:3] == [60, 120, 240]
        assert max(waits) == 30 * 2**MAX_FAILURES
        node.is_failing = False
        clock.now += max(waits)
        return await progress.newest("run", [pod()])

    assert play(scene)["job-1"].env_steps == 5


def test_many_pods_are_read_few_at_once_and_not_more_than_the_bound():
    async def scene(progress, node, clock):
        many = [pod(number) for number in range(3 * int(READS_AT_ONCE))]
        await progress.newest("run", many)
        await settled(progress)
        assert node.asked == READS_AT_ONCE
        clock.now += 1
        await progress.newest("run", many)
        await settled(progress)
        assert node.asked == READS_AT_ONCE + READS_PER_SECOND
        return node.most_at_once

    assert play(scene) == CONCURRENT_READS


def test_what_is_known_of_a_pod_goes_with_it():
    async def scene(progress, node, clock):
        await progress.newest("run", [pod(1), pod(2)])
        assert set(await progress.newest("run", [pod(2)])) == {"job-2"}
        assert await progress.newest("run", []) == {}
        await progress.newest("run", [pod(1)])
        progress.forget("run")
        return progress._runs

    assert play(scene) == {}


def test_forgetting_a_run_ends_its_reads():
    async def scene(progress, node, clock):
        node.is_stuck = True
        await progress.newest("run", [pod(1), pod(2)])
        assert node.at_once == 2
        progress.forget("run")
        await asyncio.sleep(0.01)
        return node.at_once

    assert play(scene) == 0
