"""A simulated Pod: reported as running, and after a while as succeeded with the result of its phase."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable

from collectiverun_trainer.order import ORDER_VARIABLE, PhaseOrder, PhaseResult, Success
from testbed import JSONObject
from testbed.kubelet import pod_status
from testbed.kubelet.container_log import LogOptions
from testbed.kubelet.faults import Fault, fault_of
from testbed.kubelet.node import now
from testbed.kubelet.pod_status import ContainerState
from testbed.kubernetes.api_client import ApiClient, pod_path

SECONDS_ANNOTATION = "testbed.collectiverl.io/seconds"
ENV_STEPS = 1000
RATES = Success(any_step=0.75, at_end=0.5)
_STOPPED_CODE = 143


class SimulatedPod:
    """Runs for `seconds`, or as its annotation says; `None` is for ever."""

    def __init__(self, api: ApiClient, pod: JSONObject, seconds: float | None) -> None:
        self.pod = pod
        first = pod["spec"]["containers"][0]
        self.state = ContainerState(first["name"], first["image"])
        self._api = api
        asked = (pod["metadata"].get("annotations") or {}).get(SECONDS_ANNOTATION)
        self._seconds = float(asked) if asked else seconds
        self._since = now()
        self._began = time.monotonic()
        self._changed = asyncio.Event()
        self._fault: Fault | None = fault_of(pod)

    def update(self, pod: JSONObject) -> None:
        """The Pod as the API server has it now."""
        self.pod = pod
        fault = fault_of(pod)
        if self._is_deleted or fault != self._fault:
            self._fault = fault
            self._changed.set()

    async def run(self) -> None:
        """From the first status until it is taken off the API server."""
        if not self._is_deleted:
            if self.pod.get("status", {}).get("phase", "Pending") == "Pending":
                await self._begin()
            await self._end(*await self._ending())
        while not self._is_deleted:
            self._changed.clear()
            await self._changed.wait()
        await self._api.remove_pod(self.pod)

    def container(self, name: str) -> SimulatedPod | None:
        """Its container, for the log server."""
        return self if name == self.state.name else None

    def log_of(self, _restart: int) -> SimulatedPod:
        """What its container said."""
        return self

    async def read(self, _options: LogOptions, _has_ended: Callable[[], bool]) -> AsyncIterator[bytes]:
        """One progress line."""
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

    @property
    def _is_deleted(self) -> bool:
        return "deletionTimestamp" in self.pod["metadata"]

    async def _begin(self) -> None:
        self.state.state, self.state.is_ready = pod_status.running(self._since), True
        await self._publish({})

    async def _ending(self) -> tuple[int, str, JSONObject]:
        """Exit code, message, and what else the status says, once it is time."""
        deadline = None if self._seconds is None else time.monotonic() + self._seconds
        while True:
            self._changed.clear()
            if self._is_deleted:
                return _STOPPED_CODE, "", {}
            if self._fault and self._fault.kind != "hang":
                return self._faulty_ending(self._fault)
            left = None if deadline is None or self._fault else max(0.0, deadline - time.monotonic())
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return 0, phase_result(self.pod).to_line(), {}

    def _faulty_ending(self, fault: Fault) -> tuple[int, str, JSONObject]:
        evicted = pod_status.evicted("The node was low on resource: memory.")
        return fault.exit_code, "", evicted if fault.kind == "evict" else {"reason": fault.reason}

    async def _end(self, code: int, message: str, more: JSONObject) -> None:
        reason = more.pop("reason", "") if "phase" not in more else ""
        self.state.is_ready = False
        self.state.state = pod_status.terminated(code, self._since, now(), reason, message)
        await self._publish(more)

    async def _publish(self, more: JSONObject) -> None:
        status = pod_status.pod_status(self.pod, [self.state], self._since)
        await self._api.patch_status(pod_path(self.pod), status | more)


def phase_result(pod: JSONObject) -> PhaseResult:
    """What the trainer would report for the Pod's phase order, had it worked."""
    variables = pod["spec"]["containers"][0].get("env", [])
    text = next(variable["value"] for variable in variables if variable["name"] == ORDER_VARIABLE)
    order, uid = PhaseOrder.model_validate_json(text), pod["metadata"]["uid"]
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
