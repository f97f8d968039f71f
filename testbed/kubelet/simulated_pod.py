"""A simulated Pod: reported as running, and after a while as succeeded with the result of its phase."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping

from collectiverun_trainer.config import unpacked
from collectiverun_trainer.order import ORDER_VARIABLE, PhaseOrder, PhaseResult, Success
from testbed import JSONObject
from testbed.kubelet import pod_status
from testbed.kubelet.pod_status import ContainerState, now
from testbed.kubelet.pod_worker import PodWorker
from testbed.kubernetes.api_client import ApiClient

SECONDS_ANNOTATION = "testbed.collectiverl.io/seconds"
ENV_STEPS = 1000
RATES = Success(any_step=0.75, at_end=0.5)
_SIGTERM_CODE = 143


class SimulatedPod(PodWorker):
    """Runs for `seconds`, or as its annotation says; `None` is for ever. It is its own only container."""

    def __init__(self, api: ApiClient, pod: JSONObject, seconds: float | None) -> None:
        super().__init__(api, pod)
        first = pod["spec"]["containers"][0]
        self.state = ContainerState(first["name"], first["image"])
        annotation = (pod["metadata"].get("annotations") or {}).get(SECONDS_ANNOTATION)
        self._seconds = float(annotation) if annotation else seconds
        self._began = time.monotonic()
        self._changed = asyncio.Event()
        self.update(pod)

    def update(self, pod: JSONObject) -> None:
        """Take note of the Pod as the API server has it now."""
        super().update(pod)
        if self._deleted.is_set():
            self._changed.set()

    async def run(self) -> None:
        """From the first status until it is removed from the API server."""
        if not self._deleted.is_set():
            if self.pod.get("status", {}).get("phase", "Pending") == "Pending":
                await self._publish(pod_status.running(self._start_time), {})
            await self._publish(*await self._ending())
        await self._remove_when_deleted()

    def container(self, name: str) -> SimulatedPod | None:
        """Its only container."""
        return self if name == self.state.name else None

    async def read_log(self, _restart: int, _query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """One line of progress."""
        whole = self._seconds or 3600.0
        fraction = min(1.0, (time.monotonic() - self._began) / whole)
        line = {
            "kind": "progress",
            "time": time.time(),
            "envSteps": int(fraction * ENV_STEPS),
            "totalEnvSteps": ENV_STEPS,
            "fraction": fraction,
            "envStepsPerSecond": ENV_STEPS / whole,
            "etaSeconds": (1 - fraction) * whole,
            "success": RATES.model_dump(by_alias=True),
            "activity": "training",
        }
        yield json.dumps(line).encode() + b"\n"

    def _inflict(self) -> None:
        self._changed.set()

    async def _ending(self) -> tuple[JSONObject, JSONObject]:
        """State of its container, and what else the status has, once it ends."""
        deadline = None if self._seconds is None else time.monotonic() + self._seconds
        while True:
            self._changed.clear()
            if self._deleted.is_set():
                return self._terminated(_SIGTERM_CODE), {}
            if self._fault and self._fault.kind != "hang":
                is_eviction = self._fault.kind == "evict"
                ended = self._terminated(self._fault.exit_code, "" if is_eviction else self._fault.reason)
                return ended, pod_status.EVICTED if is_eviction else {}
            left = None if deadline is None or self._fault else max(0.0, deadline - time.monotonic())
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return self._terminated(0, message=phase_result(self.pod).to_line()), {}

    def _terminated(self, code: int, reason: str = "", message: str = "") -> JSONObject:
        return pod_status.terminated(code, self._start_time, now(), reason, message)

    async def _publish(self, state: JSONObject, more: JSONObject) -> None:
        self.state.state, self.state.is_ready = state, "running" in state
        await self._patch_status(pod_status.pod_status(self.pod, [self.state], self._start_time) | more)


def phase_result(pod: JSONObject) -> PhaseResult:
    """What the trainer would report for the Pod's phase order, had it worked."""
    variables = pod["spec"]["containers"][0].get("env", [])
    text = next(variable["value"] for variable in variables if variable["name"] == ORDER_VARIABLE)
    order, uid = PhaseOrder.model_validate_json(unpacked(text)), pod["metadata"]["uid"]
    ours = {"students": RATES, "experts": RATES} if order.phase == "evaluation" else {}
    return PhaseResult(
        exit_code=0,
        reason="Succeeded",
        uri=f"{order.member_uri}/attempt-{order.attempt}/{uid[:8]}",
        manifest_sha256=hashlib.sha256(uid.encode()).hexdigest(),
        env_steps=ENV_STEPS,
        success=RATES,
        **ours,
    )
