"""This machine as a cluster: the verbs of Kubernetes, with a process for each Job's container.

The documents lie in the run's state directory (`state_dir.py`), so that a later driver finds what an API
server would have kept. Everything happens in `advance`: there is no thread and no task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from types import TracebackType
from typing import Self

from collectiverun_operator.api.outcome import Holdup, Progress
from collectiverun_operator.api.run import StoredRun
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.cluster.local.attempt import LocalAttempt
from collectiverun_operator.cluster.local.journal import PhaseTime, phase_times
from collectiverun_operator.cluster.local.machine import Machine, Request
from collectiverun_operator.cluster.local.state_dir import StateDir
from collectiverun_operator.json_types import JSONObject


class LocalCluster:
    """One run's Jobs on this machine. Use it as a context: processes never outlive it."""

    def __init__(self, state_dir: StateDir, machine: Machine) -> None:
        self._state_dir = state_dir
        self._machine = machine
        self._attempts = {
            document["job"]["metadata"]["name"]: LocalAttempt(state_dir, document)
            for document in state_dir.read_jobs()
        }
        self.lost_since_time = state_dir.last_heartbeat_time
        for attempt in self._attempts.values():
            attempt.reclaim()

    @classmethod
    def open(cls, folder: Path, machine: Machine | None = None, run_uid: str = "") -> Self:
        """Open and lock the state directory `folder`, and kill what a lost driver left running.

        Raises AlreadyDrivenError if another process drives the run, DamagedStateError if a document is not
        what was written there, or is not of the run of `run_uid` if that is given.
        """
        return cls(StateDir.open(folder, run_uid), machine or Machine.this())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill what still runs, which the next driver treats as lost, and release the lock."""
        for attempt in self._attempts.values():
            attempt.kill()
        self._state_dir.close()

    def advance(self) -> bool:
        """Take in processes that ended and start waiting ones. Whether a document changed."""
        self._state_dir.beat()
        changed = False
        for attempt in list(self._attempts.values()):
            changed |= attempt.watch()
            changed |= self._sweep(attempt)
        for attempt in self._waiting():
            changed |= self._schedule(attempt)
        return changed

    def excuse(self, seconds: float) -> None:
        """This machine's clock jumped by so much: no attempt is late for that."""
        for attempt in self._attempts.values():
            attempt.excuse(seconds)

    async def jobs(self, run_uid: str) -> list[JSONObject]:
        """See `Cluster.jobs`."""
        return [deepcopy(attempt.job) for attempt in self._attempts.values()]

    async def pods(self, run_uid: str) -> list[JSONObject]:
        """See `Cluster.pods`."""
        return [deepcopy(attempt.pod) for attempt in self._attempts.values()]

    async def job(self, namespace: str, name: str, run_uid: str) -> JSONObject | None:
        """See `Cluster.job`."""
        attempt = self._attempts.get(name)
        return None if attempt is None else deepcopy(attempt.job)

    async def create_job(self, manifest: JSONObject) -> JSONObject:
        """See `Cluster.create_job`."""
        name = manifest["metadata"]["name"]
        if name not in self._attempts:
            self._attempts[name] = LocalAttempt.create(self._state_dir, manifest)
        return deepcopy(self._attempts[name].job)

    async def delete_job(self, namespace: str, name: str, uid: str, *, is_finished: bool = False) -> None:
        """See `Cluster.delete_job`."""
        attempt = self._attempts.get(name)
        if attempt is not None and attempt.uid == uid:
            attempt.delete()
            self._sweep(attempt)

    async def progress(self, run_uid: str, *, is_awaited: bool = True) -> Mapping[str, Progress]:
        """See `Cluster.progress`."""
        newest = {name: attempt.tail.newest() for name, attempt in self._attempts.items()}
        return {name: progress for name, progress in newest.items() if progress is not None}

    async def holdups(self, run_uid: str) -> Mapping[str, Holdup]:
        """See `Cluster.holdups`; a Pod of this machine says itself what it waits for."""
        return {}

    async def relabel_job(self, namespace: str, name: str, uid: str, labels: Mapping[str, str]) -> None:
        """See `Cluster.relabel_job`; no queue on this machine holds a Job."""

    async def write_status(self, run: JSONObject, status: JSONObject) -> JSONObject:
        """See `Cluster.write_status`."""
        after = {**run, "status": status}
        self._state_dir.write_run(after)
        return after

    def journal_transition(self, before: StoredRun, after: StoredRun) -> None:
        """Add a status that was written to the journal if any state in it changed."""
        if _states(before.status) != _states(after.status):
            self._state_dir.journal.append("statusChanged", **_states(after.status))

    async def dry_run(self, manifest: JSONObject) -> str | None:
        """See `Cluster.dry_run`. Pod templates have no effect here, so none is refused."""
        return None

    async def delete_run(self, run: JSONObject) -> None:
        """Nothing: the run is the user's file, and its state directory answers the next call at once."""

    @property
    def folder(self) -> Path:
        """The run's state directory."""
        return self._state_dir.folder

    def read_run(self) -> JSONObject | None:
        """The run as recorded; None if it is new here."""
        return self._state_dir.read_run()

    def log_path(self, phase: str, member: str, attempt: int) -> Path:
        """Where the standard error of an attempt lies."""
        return self._state_dir.log_path(phase, member, attempt, "log")

    def phase_times(self) -> dict[str, PhaseTime]:
        """Wall and CPU time of each phase so far, over all attempts that ended."""
        return phase_times(self._state_dir.journal.events())

    def impossible(self, resources: JSONObject) -> str:
        """Why a container with these resources can never start on this machine; empty: it can."""
        return self._machine.impossible(Request.of({"resources": resources}))

    def capacity(self, resources: Iterable[JSONObject]) -> dict[str, int]:
        """What containers with these resources share."""
        return self._machine.capacity(Request.of({"resources": wanted}) for wanted in resources)

    def kill(self) -> None:
        """End every process at once."""
        for attempt in self._attempts.values():
            attempt.kill()

    def _waiting(self) -> list[LocalAttempt]:
        waiting = [attempt for attempt in self._attempts.values() if attempt.waits]
        return sorted(
            waiting, key=lambda attempt: (attempt.job["metadata"]["creationTimestamp"], attempt.name)
        )

    def _schedule(self, attempt: LocalAttempt) -> bool:
        if why := self._machine.impossible(attempt.request):
            attempt.refuse(why)
            return True
        shortage = self._machine.shortage(attempt.request)
        if shortage:
            return attempt.wait(shortage)
        attempt.start(self._machine.take(attempt.name, attempt.request))
        return True

    def _sweep(self, attempt: LocalAttempt) -> bool:
        """Free the cores of an attempt that ended; remove a deleted one. Whether one was removed."""
        if not attempt.runs:
            self._machine.release(attempt.name)
        if not attempt.gone:
            return False
        attempt.remove()
        self._attempts.pop(attempt.name, None)
        return True


def _states(status: RunStatus) -> JSONObject:
    """The state of the run, its phases and members, without their progress."""
    return {
        "state": status.state,
        "phases": {
            phase.name: {
                "state": phase.state,
                "members": {member.name: [member.state, member.attempt] for member in phase.members},
            }
            for phase in status.phases
        },
    }
