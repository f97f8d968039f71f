"""A Pod whose containers are processes of this machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from testbed import JSONObject
from testbed.kubelet import pod_status
from testbed.kubelet.container_runner import ContainerRunner, PodContext
from testbed.kubelet.environment import listening_ports, machine_environment
from testbed.kubelet.pod_worker import PodWorker
from testbed.kubelet.service_account import PodIdentity, wants_token
from testbed.kubernetes.api_client import ApiClient

_KILL_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class NodeResources:
    """What this node offers its Pods: a folder for their files, images, the authority to trust, tokens."""

    folder: Path
    images: frozenset[str]
    authority: Path
    token_seconds: int


class ProcessPod(PodWorker):
    """Runs each container as often as the restart policy says."""

    def __init__(self, api: ApiClient, resources: NodeResources, pod: JSONObject) -> None:
        super().__init__(api, pod)
        self._resources = resources
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
        """Take note of the Pod as the API server has it now."""
        super().update(pod)
        was_ready = pod_status.is_true("Ready", self._published)
        if was_ready and not pod_status.is_true("Ready", pod.get("status", {})):
            # The controllers took the node for lost for a while, or have not heard of it yet.
            self._repeating = asyncio.create_task(self._publish(again=True))

    async def run(self) -> None:
        """From its first container until it is removed from the API server."""
        phase = self.pod.get("status", {}).get("phase", "Pending")
        if self._deleted.is_set():
            await self._remove_when_deleted()
        elif phase == "Running":  # when this node was lost, and its processes went with it
            await self._patch_status(pod_status.lost_containers(self.pod))
            await self._remove_when_deleted()
        elif phase not in ("Succeeded", "Failed"):
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
            await self._remove_when_deleted()
        finally:
            for task in (watch, *identity, *lives):
                task.cancel()
            for runner in self._runners:
                runner.kill()

    async def _prepare(self) -> list[asyncio.Task[None]]:
        """Make what the containers share. Returns a task that renews the token, if one is mounted."""
        metadata, resources = self.pod["metadata"], self._resources
        folder = resources.folder / metadata["namespace"] / f"{metadata['name']}-{metadata['uid'][:8]}"
        environment = machine_environment(self.pod, folder, resources.folder / "cache")
        ports = listening_ports(self.pod)
        tasks = []
        if wants_token(self.pod):
            environment["KUBECONFIG"] = str(folder / "kubeconfig")
            identity = PodIdentity(
                self._api, self.pod, folder / "kubeconfig", resources.authority, resources.token_seconds
            )
            await identity.renew()
            tasks.append(asyncio.create_task(identity.keep()))
        context = PodContext(self._api, self.pod, folder, resources.images, environment, ports, self._publish)
        containers = self.pod["spec"]["containers"]
        self._runners = [ContainerRunner(context, spec, self._inflict) for spec in containers]
        return tasks

    async def _end_when_deleted(self) -> None:
        """SIGTERM, the grace period, SIGKILL; a container that never started is cancelled."""
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
        fault = self._fault
        if fault and fault.kind == "evict":
            self._evict()
            return
        for runner in self._runners:
            if fault and fault.kind == "end":
                runner.kill((fault.exit_code, fault.reason))
            else:
                runner.pause(fault is not None)

    def _evict(self) -> None:
        self._eviction = pod_status.EVICTED
        for runner in self._runners:
            runner.give_up()
            runner.kill()
        self._cancel_waiting()

    async def _publish(self, is_over: bool = False, again: bool = False) -> None:
        """Write the status if it is new, or `again`."""
        async with self._publishing:
            states = [runner.state for runner in self._runners]
            status = pod_status.pod_status(self.pod, states, self._start_time)
            if is_over or status["phase"] in ("Succeeded", "Failed"):
                status |= self._eviction
            if again or status != self._published:
                self._published = status
                await self._patch_status(status)
