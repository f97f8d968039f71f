"""The life of one container: it waits for image and configuration, runs, and is restarted by the policy."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed import JSONObject
from testbed.kubelet.container_log import ContainerLog
from testbed.kubelet.container_process import ContainerProcess, StartError
from testbed.kubelet.environment import RESULT_PATH_VARIABLE, NotReadyError, container_environment
from testbed.kubelet.pod_status import ContainerState, now, running, terminated, waiting
from testbed.kubelet.probes import Probes
from testbed.kubernetes.api_client import ApiClient

_RETRY_SECONDS = 0.5
# A kubelet begins at 10 s and ends at 300; nobody waits for that here.
_FIRST_BACK_OFF_SECONDS, _LONGEST_BACK_OFF_SECONDS = 1.0, 10.0
_START_ERROR_CODE = 128


@dataclass
class PodContext:
    """What the containers of a Pod share on this node."""

    api: ApiClient
    pod: JSONObject
    folder: Path
    images: frozenset[str]
    environment: Mapping[str, str]
    ports: Mapping[int, int]
    publish: Callable[[], Awaitable[None]]


class ContainerRunner:
    """One container; `state` is what to report of it."""

    def __init__(self, context: PodContext, spec: JSONObject, on_start: Callable[[], None]) -> None:
        self.state = ContainerState(spec["name"], spec["image"])
        self._context = context
        self._spec = spec
        self._on_start = on_start
        self._probes = Probes(spec, context.ports)
        self._process: ContainerProcess | None = None
        self._ending: tuple[int, str] | None = None
        self._is_stopping = False
        self._is_starting = False

    @property
    def has_process(self) -> bool:
        """Whether it is started, or about to say so."""
        return self._is_starting or self._process is not None

    def read_log(self, restart: int, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Its output since one of its starts, as the query of `kubectl logs` asks for it."""
        return self._log(restart).read(query, lambda: "running" not in self.state.state)

    async def run(self) -> None:
        """Until it has ended for good. Cancel it to give it up before its first start."""
        while True:
            await self._run_once()
            if self._is_stopping or not self._is_restarted():
                return
            await self._back_off()

    def stop(self) -> None:
        """Ask it to end, and do not start it again."""
        self.give_up()
        if self._process:
            self._process.signal(signal.SIGTERM)

    def give_up(self) -> None:
        """Do not start it again."""
        self._is_stopping = True

    def kill(self, ending: tuple[int, str] | None = None) -> None:
        """End it at once. `ending`: the exit code and reason to report in place of the process's own."""
        self._ending = ending or self._ending
        if self._process:
            self._process.signal(signal.SIGKILL, to_group=True)

    def pause(self, is_paused: bool) -> None:
        """Stop it, so that it does not react to SIGTERM either, or let it continue."""
        if self._process:
            self._process.signal(signal.SIGSTOP if is_paused else signal.SIGCONT, to_group=True)

    async def _run_once(self) -> None:
        environment = await self._prepared()
        since = now()
        self._is_starting = True
        try:
            self._process = await self._start(environment)
        except StartError as error:
            await self._show(terminated(_START_ERROR_CODE, since, now(), "StartError", str(error)))
            return
        finally:
            self._is_starting = False
        if self._is_stopping:
            self._process.signal(signal.SIGTERM)
        self._on_start()
        await self._show(running(since), ready="readinessProbe" not in self._spec)
        probes = asyncio.create_task(self._probes.follow(self._tell_ready, self._tell_alive))
        code = await self._process.wait()
        probes.cancel()
        await self._show(self._ended(code, since))
        self._process = None

    async def _prepared(self) -> dict[str, str]:
        """Its environment, as soon as the image and all that it refers to are there."""
        tries = 0
        while True:
            try:
                self._check_image(tries)
                context = self._context
                own = await container_environment(context.api, context.pod, self._spec, context.ports)
                return {**context.environment, **own}
            except NotReadyError as error:
                await self._show(waiting(error.reason, str(error)))
            tries += 1
            await asyncio.sleep(_RETRY_SECONDS)

    def _check_image(self, tries: int) -> None:
        image = self._spec["image"]
        if image in self._context.images:
            return
        if tries % 4 == 0:
            raise NotReadyError(f'failed to pull image "{image}": not found', "ErrImagePull")
        raise NotReadyError(f'Back-off pulling image "{image}"', "ImagePullBackOff")

    async def _start(self, environment: Mapping[str, str]) -> ContainerProcess:
        command = [*self._spec.get("command", []), *self._spec.get("args", [])]
        log, result = self._log(self.state.restarts), Path(environment[RESULT_PATH_VARIABLE])
        return await ContainerProcess.start(command, environment, self._context.folder, log, result)

    def _log(self, restart: int) -> ContainerLog:
        return ContainerLog(self._context.folder / f"{self.state.name}.{restart}.log")

    def _ended(self, code: int, since: str) -> JSONObject:
        assert self._process is not None
        forced, reason = self._ending or (code, "")
        message = self._process.message(forced, self._spec.get("terminationMessagePolicy", "File"))
        return terminated(forced, since, now(), reason, message)

    def _is_restarted(self) -> bool:
        policy = self._context.pod["spec"].get("restartPolicy", "Always")
        return policy == "Always" or (policy == "OnFailure" and self.state.exit_code != 0)

    async def _back_off(self) -> None:
        self.state.last_state = self.state.state
        self.state.restarts += 1
        seconds = min(_FIRST_BACK_OFF_SECONDS * 2 ** (self.state.restarts - 1), _LONGEST_BACK_OFF_SECONDS)
        await self._show(waiting("CrashLoopBackOff", f"back-off {seconds:g}s restarting failed container"))
        await asyncio.sleep(seconds)

    def _tell_ready(self, is_ready: bool) -> None:
        if is_ready == self.state.is_ready:
            return
        self.state.is_ready = is_ready
        self._publishing = asyncio.ensure_future(self._context.publish())

    def _tell_alive(self, is_alive: bool) -> None:
        if not is_alive:
            self.kill()

    async def _show(self, state: JSONObject, ready: bool = False) -> None:
        self.state.state, self.state.is_ready = state, ready
        await self._context.publish()
