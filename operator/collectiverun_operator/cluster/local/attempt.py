"""One Job of this machine with its only Pod and, while that runs, its process.

It updates the documents and writes journal and state directory in an order that survives a kill: the identity
of a process is on disk before its command starts, its end before anything acts on it.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from collectiverun_operator.api.pod_outcome import DRIVER_LOST, has_ended
from collectiverun_operator.api.trainer_report import read_report
from collectiverun_operator.cluster.local.container import (
    container_command,
    container_environment,
    termination_message,
)
from collectiverun_operator.cluster.local.machine import Request
from collectiverun_operator.cluster.local.pod import (
    KILLED_CODE,
    Ending,
    cannot_start,
    grace_seconds,
    is_deleted,
    new_job,
    new_pod,
    out_of_memory,
    phase_order,
    set_deleted,
    set_ended,
    set_later,
    set_running,
    set_waiting,
    trainer_container,
)
from collectiverun_operator.cluster.local.process import ChildProcess, Exit, ProcessIdentity, kill_survivors
from collectiverun_operator.cluster.local.progress import ProgressTail
from collectiverun_operator.cluster.local.state_dir import HEARTBEAT_SECONDS, StateDir
from collectiverun_operator.jobs.manifest import POD_UID_VARIABLE
from collectiverun_operator.json_types import JSONObject

MEMORY_CHECK_SECONDS = 0.5


class LocalAttempt:
    """A Job, its Pod and its process. `job` and `pod` are Kubernetes JSON."""

    def __init__(self, state_dir: StateDir, document: JSONObject) -> None:
        self.job: JSONObject = document["job"]
        self.pod: JSONObject = document["pod"]
        self._process_document: JSONObject | None = document["process"]
        self._state_dir = state_dir
        self._child: ChildProcess | None = None
        self._killed_at_bytes: int | None = None
        self._kill_at: float | None = None
        self._next_memory_check = 0.0
        self._next_usage_record = 0.0
        self.request = Request.of(trainer_container(self.pod))
        order = phase_order(self.pod)
        self._identity = {"phase": order["phase"], "member": order["member"], "attempt": order["attempt"]}
        self.tail = ProgressTail(self._log("jsonl"))

    @classmethod
    def create(cls, state_dir: StateDir, manifest: JSONObject) -> LocalAttempt:
        """A new Job with a waiting Pod, on disk before it is returned."""
        now = time.time()
        job = new_job(manifest, str(uuid.uuid4()), now)
        attempt = cls(state_dir, {"job": job, "pod": new_pod(job, str(uuid.uuid4()), now), "process": None})
        attempt._journal("jobCreated", jobUid=job["metadata"]["uid"])
        attempt._write()
        return attempt

    @property
    def name(self) -> str:
        """The Job's name."""
        return str(self.job["metadata"]["name"])

    @property
    def uid(self) -> str:
        """The Job's UID."""
        return str(self.job["metadata"]["uid"])

    @property
    def waits(self) -> bool:
        """Whether its Pod has neither started nor ended."""
        suspended = self.job["spec"].get("suspend", False)
        return self._child is None and not has_ended(self.pod) and not is_deleted(self.job) and not suspended

    @property
    def runs(self) -> bool:
        """Whether it has a process."""
        return self._child is not None

    @property
    def gone(self) -> bool:
        """Whether it was deleted and nothing of it is left."""
        return is_deleted(self.job) and self._child is None

    def wait(self, reason: str) -> bool:
        """Set why it can't start yet; whether that changed anything."""
        if not set_waiting(self.pod, reason, time.time()):
            return False
        self._write()
        return True

    def refuse(self, why: str) -> None:
        """End its Pod before it starts: it never can here."""
        self._end(cannot_start(ValueError(why)), time.time())

    def start(self, gpus: tuple[str, ...]) -> None:
        """Start its process; a command that can't be started ends the Pod."""
        try:
            self._child = self._spawn(gpus)
        except (OSError, ValueError) as error:
            self._end(cannot_start(error), time.time())
            return
        now = time.time()
        self._process_document = self._child.identity.record(now)
        set_running(self.pod, now)
        self._write()
        self._journal("podStarted", **self._process_document)
        self._child.release()

    def watch(self) -> bool:
        """Check on the process; whether it ended."""
        if self._child is None:
            return False
        ended = self._child.poll()
        if ended is None:
            self._limit(self._child)
            return False
        self._child = None
        self._record_usage(ended.cpu_seconds)
        self._end(self._ending(ended), time.time())
        return True

    def delete(self) -> None:
        """Delete Job and Pod: SIGTERM now, SIGKILL after the grace period. Again: nothing."""
        if is_deleted(self.job):
            return
        now, grace = time.time(), grace_seconds(self.pod)
        set_deleted(self.job, now, 0)
        set_deleted(self.pod, now, grace)
        self._write()
        self._journal("jobDeleted", jobUid=self.uid)
        if self._child is not None:
            self._kill_at = time.monotonic() + grace
            self._child.terminate()

    def excuse(self, seconds: float) -> None:
        """The clock jumped by so much: that counts neither as waiting nor as standing still."""
        if not has_ended(self.pod):
            set_later(self.job, seconds)
            set_later(self.pod, seconds)
            self._write()
        self.tail.excuse(seconds)

    def kill(self) -> None:
        """End its process at once, without waiting for it."""
        if self._child is not None:
            self._child.kill()

    def reclaim(self) -> None:
        """Kill what a lost driver left running. A Pod that never started keeps waiting."""
        if self._process_document is None or has_ended(self.pod):
            return
        document = self._process_document
        identity = ProcessIdentity.recorded(document)
        killed = kill_survivors(identity, POD_UID_VARIABLE, self.pod["metadata"]["uid"])
        message = "the process that drove the run on this machine ended before this Pod did"
        ending = Ending(KILLED_CODE, "Error", "", 9, disruption=(DRIVER_LOST, message))
        self._end(ending, document["observedTime"], survivors=killed)

    def remove(self) -> None:
        """Delete the Job's document and result file; journal and logs stay."""
        self._result_path.unlink(missing_ok=True)
        self._state_dir.remove_job(self.name)

    def _spawn(self, gpus: tuple[str, ...]) -> ChildProcess:
        self._result_path.parent.mkdir(exist_ok=True)
        self._result_path.unlink(missing_ok=True)
        self._log("log").parent.mkdir(parents=True, exist_ok=True)
        command = container_command(self.pod)
        variables = container_environment(self.pod, self._result_path, gpus)
        return ChildProcess(command, variables, self._log("jsonl"), self._log("log"))

    def _limit(self, child: ChildProcess) -> None:
        """Enforce its grace period and memory limit, and record its CPU time now and then."""
        now = time.monotonic()
        if self._kill_at is not None and now >= self._kill_at:
            child.kill()
        if now < self._next_memory_check:
            return
        self._next_memory_check = now + MEMORY_CHECK_SECONDS
        usage, limit = child.usage(), self.request.memory_bytes
        if limit is not None and usage.memory_bytes > limit:
            self._killed_at_bytes = usage.memory_bytes
            child.kill()
        if now >= self._next_usage_record:
            self._next_usage_record = now + HEARTBEAT_SECONDS
            self._record_usage(usage.cpu_seconds)
            self._write()

    def _record_usage(self, cpu_seconds: float) -> None:
        if self._process_document is not None:
            self._process_document |= {"observedTime": time.time(), "cpuSeconds": round(cpu_seconds, 3)}

    def _ending(self, ended: Exit) -> Ending:
        message = termination_message(self._result_path, self._log("log"), ended.code)
        if self._killed_at_bytes is not None:
            return out_of_memory(message, self._killed_at_bytes, self.request.memory_bytes)
        return Ending(ended.code, "Completed" if ended.code == 0 else "Error", message, ended.signal)

    def _end(self, ending: Ending, when: float, **details: Any) -> None:
        process = self._process_document or {}
        set_ended(self.job, self.pod, ending, process.get("startedTime"), when)
        result = read_report(ending.message)
        self._journal(
            "podEnded",
            processId=process.get("processId"),
            startedTime=process.get("startedTime"),
            endedTime=when,
            cpuSeconds=process.get("cpuSeconds", 0.0),
            exitCode=ending.exit_code,
            reason=ending.disruption[0] if ending.disruption else ending.reason,
            uri=result.get("uri"),
            manifestSha256=result.get("manifestSha256"),
            **details,
        )
        self._write()

    def _journal(self, event: str, **fields: Any) -> None:
        pod_uid = self.pod["metadata"]["uid"]
        self._state_dir.journal.append(event, job=self.name, podUid=pod_uid, **self._identity, **fields)

    def _write(self) -> None:
        self._state_dir.write_job(
            self.name, {"job": self.job, "pod": self.pod, "process": self._process_document}
        )

    @property
    def _result_path(self) -> Path:
        return self._state_dir.folder / "results" / str(self.pod["metadata"]["uid"])

    def _log(self, ending: str) -> Path:
        identity = self._identity
        return self._state_dir.log_path(identity["phase"], identity["member"], identity["attempt"], ending)
