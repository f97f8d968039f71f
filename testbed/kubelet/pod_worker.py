"""What the lives of all Pods on a node have in common: deletion, faults, and the status to publish."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from testbed import JSONObject
from testbed.kubelet.faults import Fault, fault_of
from testbed.kubelet.pod_status import ContainerState, now
from testbed.kubernetes.api_client import ApiClient, pod_path

log = logging.getLogger(__name__)


class Container(Protocol):
    """One container of a Pod."""

    state: ContainerState

    def read_log(self, restart: int, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Its output since one of its starts, as the query of `kubectl logs` asks for it."""


class PodWorker(ABC):
    """One Pod. `update` tells it what the API server says; `run` is its life."""

    def __init__(self, api: ApiClient, pod: JSONObject) -> None:
        self.pod = pod
        self._api = api
        self._start_time = now()
        self._deleted = asyncio.Event()
        self._fault: Fault | None = None

    @abstractmethod
    def container(self, name: str) -> Container | None:
        """One of its containers."""

    @abstractmethod
    async def run(self) -> None:
        """Its whole life. Cancelled when the Pod is removed from the API server."""

    @abstractmethod
    def _inflict(self) -> None:
        """Let the containers meet the fault that is asked for; without one, let what hangs go on."""

    def update(self, pod: JSONObject) -> None:
        """Take note of the Pod as the API server has it now."""
        self.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deleted.set()
        try:
            fault = fault_of(pod)
        except ValueError as error:
            log.warning("%s", error)
            return
        if fault != self._fault:
            self._fault = fault
            self._inflict()

    async def _remove_when_deleted(self) -> None:
        await self._deleted.wait()
        await self._api.remove_pod(self.pod)

    async def _patch_status(self, status: JSONObject) -> None:
        await self._api.patch_status(pod_path(self.pod), status)
