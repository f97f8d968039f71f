"""The life of one Pod on this node: its containers as processes, its status, faults, and its deletion."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from testbed import JSONObject
from testbed.kubelet import pod_status, service_account
from testbed.kubelet.container_runner import ContainerRunner, PodContext
from testbed.kubelet.environment import listening_ports, machine_environment
from testbed.kubelet.faults import PORTS_ANNOTATION, Fault, fault_of
from testbed.kubelet.node import now
from testbed.kubernetes.api_client import STRATEGIC_MERGE, ApiClient, pod_path

log = logging.getLogger(__name__)

_KILL_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class NodeResources:
    """What this node offers its Pods."""

    folder: Path
    images: frozenset[str]
    authority: Path
    token_seconds: int


class PodWorker:
    """One Pod. `update` tells it what the API server says; `run` is its life."""

    def __init__(self, api: ApiClient, resources: NodeResources, pod: JSONObject) -> None:
        self.pod = pod
        self._api = api
        self._resources = resources
        self._start_time = now()
        self._deleted = asyncio.Event()
        self._fault: Fault | None = None
        self._eviction: JSONObject = {}
        self._published: JSONObject = {}
        self._publishing = asyncio.Lock()
        self._runners: list[ContainerRunner] = []
        self._lives: list[asyncio.Task[None]] = []
        self.update(pod)

    def container(self, name: str) -> ContainerRunner | None:
        """One of its containers."""
        return next((runner for runner in self._runners if runner.state.name == name), None)

    def update(self, pod: JSONObject) -> None:
        """The Pod as the API server has it now."""
        self.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deleted.set()
        if pod_status.says_ready(self._published) and not pod_status.says_ready(pod.get("status", {})):
            # The controllers took the node for lost for a while, or have not heard of it yet.
            self._repeating = asyncio.create_task(self._publish(again=True))
        try:
            fault = fault_of(pod)
        except ValueError as error:
            log.warning("%s", error)
            return
        if fault != self._fault:
            self._fault = fault
            self._inflict()

    async def run(self) -> None:
        """From its first container until it is taken off the API server."""
        if self._deleted.is_set():
            await self._api.remove_pod(self.pod)
        elif self.pod.get("status", {}).get("phase", "Pending") == "Running":
            await self._give_up()
        elif self.pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            await self._live()

    async def _live(self) -> None:
        identity = await self._prepare()
        lives = self._lives = [asyncio.create_task(runner.run()) for runner in self._runners]
        watch = asyncio.create_task(self._end_when_deleted())
        try:
            await asyncio.gather(*lives, return_exceptions=True)
            for life in lives:
                if not life.cancelled():
                    life.result()
            await self._publish(is_over=True)
            await self._deleted.wait()
            await self._api.remove_pod(self.pod)
        finally:
            for task in (watch, *identity, *lives):
                task.cancel()
            for runner in self._runners:
                runner.kill()

    async def _prepare(self) -> list[asyncio.Task[None]]:
        metadata = self.pod["metadata"]
        folder = self._resources.folder / metadata["namespace"] / f"{metadata['name']}-{metadata['uid'][:8]}"
        environment = machine_environment(self.pod, folder, self._resources.folder / "cache")
        ports = listening_ports(self.pod)
        if ports:
            note = {"metadata": {"annotations": {PORTS_ANNOTATION: json.dumps(ports)}}}
            await self._api.request("PATCH", pod_path(self.pod), note, STRATEGIC_MERGE)
        tasks = []
        if service_account.wants_token(self.pod):
            identity = self._identity(folder)
            await identity.renew()
            environment["KUBECONFIG"] = str(identity.path)
            tasks.append(asyncio.create_task(identity.keep()))
        images = self._resources.images
        context = PodContext(self._api, self.pod, folder, images, environment, ports, self._publish)
        self._runners = [
            ContainerRunner(context, spec, self._inflict) for spec in self.pod["spec"]["containers"]
        ]
        return tasks

    def _identity(self, folder: Path) -> service_account.PodIdentity:
        resources = self._resources
        return service_account.PodIdentity(
            self._api, self.pod, folder / "kubeconfig", resources.authority, resources.token_seconds
        )

    async def _end_when_deleted(self) -> None:
        """SIGTERM, the grace period, SIGKILL; a container that never started is given up."""
        await self._deleted.wait()
        grace = self.pod["metadata"].get("deletionGracePeriodSeconds") or 0
        for runner in self._runners:
            runner.stop()
        self._cancel_waiting()
        while (await asyncio.wait(self._lives, timeout=grace))[1]:
            for runner in self._runners:
                runner.kill()
            grace = _KILL_AGAIN_SECONDS  # one that was just being started had nothing to kill

    def _cancel_waiting(self) -> None:
        """Of containers that have not started nothing is left to wait for."""
        for runner, life in zip(self._runners, self._lives, strict=False):
            if "waiting" in runner.state.state and not runner.has_process:
                life.cancel()

    def _inflict(self) -> None:
        """The fault that is asked for, on the containers that run. Without one, what hung goes on."""
        if self._fault and self._fault.kind == "evict":
            self._evict()
            return
        for runner in self._runners:
            if self._fault and self._fault.kind == "end":
                runner.kill((self._fault.exit_code, self._fault.reason))
            else:
                runner.pause(self._fault is not None)

    def _evict(self) -> None:
        self._eviction = pod_status.evicted("The node was low on resource: memory.")
        for runner in self._runners:
            runner.give_up()
            runner.kill()
        self._cancel_waiting()

    async def _publish(self, is_over: bool = False, again: bool = False) -> None:
        """Write the status, if it says anything new or is to be said again."""
        async with self._publishing:
            states = [runner.state for runner in self._runners]
            status = pod_status.pod_status(self.pod, states, self._start_time)
            if is_over or status["phase"] in ("Succeeded", "Failed"):
                status |= self._eviction
            if again or status != self._published:
                self._published = status
                await self._api.patch_status(pod_path(self.pod), status)

    async def _give_up(self) -> None:
        """It ran when this node was lost, and its processes went with it."""
        await self._api.patch_status(pod_path(self.pod), pod_status.lost_containers(self.pod, now()))
        await self._deleted.wait()
        await self._api.remove_pod(self.pod)
