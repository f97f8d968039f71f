"""Hundreds of runs on an API server, and the end of their Pods at a pace of one's choosing.

Pods are started by a simulated kubelet that would let them run for ever; here they end, each with the result
its phase would report. Plain requests, many at a time, as a client that is not the thing measured.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from testbed import JSONObject
from testbed.kubernetes.api_client import ApiClient

from collectiverun_trainer.config import ROBOTS, TASK_NAMES, unpacked

Item = TypeVar("Item")

TASKS = (
    "assembly-v3",
    "basketball-v3",
    "bin-picking-v3",
    "box-close-v3",
    "button-press-v3",
    "coffee-pull-v3",
    "dial-turn-v3",
    "door-close-v3",
    "door-lock-v3",
    "door-open-v3",
)
AT_ONCE = 32
RUNS = "/apis/collectiverl.io/v1alpha1/namespaces/{}/collectiveruns"
PODS = "/api/v1/namespaces/{}/pods"
RUN_LABEL = "collectiverl.io/run"


def run_name(number: int) -> str:
    """Names in the order of their numbers."""
    return f"run-{number:04}"


def tasks_of(count: int) -> list[JSONObject]:
    """So many tasks: the ten above with Sawyer, then each of Meta-World's with each robot."""
    first = [(env, "sawyer") for env in TASKS]
    pairs = dict.fromkeys([*first, *((env, robot) for robot in ROBOTS for env in TASK_NAMES)])
    return [{"env": env, "robot": robot} for env, robot in list(pairs)[:count]]


def run_body(name: str, tasks: Sequence[JSONObject], students: bool) -> JSONObject:
    """A run whose experts all start at once, and its students if it has some, on nodes without GPUs."""
    phases = ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation")
    settings: JSONObject = {phase: {"resources": {}} for phase in phases}
    settings["experts"]["parallelism"] = len(tasks)
    if students:
        settings["refinement"] = {"resources": {}, "enabled": True}
        settings["students"] = {"resources": {}, "enabled": True, "parallelism": len(tasks)}
    return {
        "apiVersion": "collectiverl.io/v1alpha1",
        "kind": "CollectiveRun",
        "metadata": {"name": name},
        "spec": {
            "tasks": list(tasks),
            "storage": {
                "uri": "s3://benchmark/runs",
                "endpoint": "https://storage.example",
                "credentials": {"secretRef": {"name": "s3"}},
            },
            "phases": settings,
        },
    }


@dataclass
class Crowd:
    """Runs of one namespace and their Pods. `running`: names of Pods that run, in the order they began to."""

    api: ApiClient
    namespace: str
    orders: dict[str, JSONObject] = field(default_factory=dict)
    running: dict[str, None] = field(default_factory=dict)
    _running: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def create_runs(self, count: int, experts: int, students: bool = False) -> None:
        """So many runs of so many experts, with as many students or with none."""
        bodies = [run_body(run_name(number), tasks_of(experts), students) for number in range(count)]
        path = RUNS.format(self.namespace)
        await _at_once(lambda body: self.api.request("POST", path, body), bodies)

    async def states(self) -> dict[str, int]:
        """How many runs are in which state."""
        found: dict[str, int] = {}
        for run in (await self.api.request("GET", RUNS.format(self.namespace)))["items"]:
            state = (run.get("status") or {}).get("state", "")
            found[state] = found.get(state, 0) + 1
        return found

    async def largest_bytes(self) -> tuple[int, int]:
        """How large the largest run is as JSON, and the largest status."""
        runs = (await self.api.request("GET", RUNS.format(self.namespace)))["items"]
        sizes = [(_bytes(run), _bytes(run.get("status") or {})) for run in runs]
        return max(size for size, _ in sizes), max(size for _, size in sizes)

    async def wait_for_running(self, count: int) -> None:
        """Until so many Pods run."""
        async with self._running:
            await self._running.wait_for(lambda: len(self.running) >= count)

    async def follow(self) -> None:
        """Learn of Pods that run, for ever."""
        path = PODS.format(self.namespace)
        async for kind, pod in self.api.watch(path, f"labelSelector={RUN_LABEL}"):
            if kind != "SYNCED":
                await self._note(pod, is_gone=kind == "DELETED")

    async def finish(self, pod: str) -> None:
        """Let a Pod end with what its phase would report."""
        status = _ended(self.orders.pop(pod))
        await self.api.patch_status(f"{PODS.format(self.namespace)}/{pod}", status)

    async def finish_at(self, per_second: float, seconds: float, among: int) -> None:
        """Let Pods of the first `among` runs end, picked by chance, evenly in time."""
        chance, loop = random.Random(1), asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(int(per_second * seconds)):
                await asyncio.sleep(max(0.0, began + number / per_second - loop.time()))
                if candidates := [pod for pod in self.running if pod < run_name(among)]:
                    group.create_task(self.finish(self._picked(chance.choice(candidates))))

    async def finish_all(self) -> None:
        """Let every Pod end that runs now."""
        await _at_once(self.finish, [self._picked(pod) for pod in list(self.running)])

    def _picked(self, pod: str) -> str:
        """It ends once only."""
        del self.running[pod]
        return pod

    async def _note(self, pod: JSONObject, is_gone: bool) -> None:
        name = pod["metadata"]["name"]
        if is_gone or pod["status"].get("phase") != "Running":
            self.running.pop(name, None)
            return
        if name not in self.orders:
            self.orders[name] = _order(pod)
            async with self._running:
                self.running[name] = None
                self._running.notify_all()


@asynccontextmanager
async def crowd(kubeconfig: Path, namespace: str) -> AsyncIterator[Crowd]:
    """A crowd on the cluster a kubeconfig leads to, by whose rights it acts."""
    async with ApiClient.open(kubeconfig) as api:
        yield Crowd(api, namespace)


async def _at_once(work: Callable[[Item], Coroutine[Any, Any, Any]], items: Iterable[Item]) -> None:
    """All of it, so many at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def do(item: Item) -> None:
        async with slots:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(do(item))


def _bytes(document: JSONObject) -> int:
    return len(json.dumps(document, separators=(",", ":")).encode())


def _order(pod: JSONObject) -> JSONObject:
    """What a result has to repeat of the Pod's phase order."""
    variables = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
    order = json.loads(unpacked(variables["COLLECTIVERUN_PHASE_ORDER"]))
    uri = f"{order['memberUri']}/attempt-{order['attempt']}/{pod['metadata']['uid'][:8]}"
    return {"uri": uri, "image": pod["spec"]["containers"][0]["image"]}


def _ended(order: JSONObject) -> JSONObject:
    result = {
        "uri": order["uri"],
        "manifestSha256": hashlib.sha256(order["uri"].encode()).hexdigest(),
        "envSteps": 1_000_000,
        "success": {"anyStep": 0.9, "atEnd": 0.8},
    }
    terminated = {"exitCode": 0, "reason": "Completed", "message": json.dumps(result)}
    container = {
        "name": "trainer",
        "image": order["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": terminated},
    }
    return {"phase": "Succeeded", "containerStatuses": [container]}
