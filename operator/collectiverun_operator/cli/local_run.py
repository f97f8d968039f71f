"""One run on this machine, from its first reconcile to its end.

It decides nothing about members: the plan does. It runs the control loop (let the machine work, reconcile,
show) and asks for suspension when a person stops the command.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from collectiverun_operator.api import labels
from collectiverun_operator.api.members import is_enabled
from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.run import CollectiveRun, Platform, StoredRun
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.api.status_json import status_document
from collectiverun_operator.cli.snapshot import MemberKey, Snapshot
from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.jobs.phase_order import resources_of
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.reconciler import reconcile

LOOP_SECONDS = 0.1
SHOW_SECONDS = 0.5
PROGRESS_SECONDS = 30.0
# Less is a clock that is being corrected, or a round that took its time.
JUMP_SECONDS = 5.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class View(Protocol):
    """Shows snapshots to a person."""

    def say(self, text: str) -> None:
        """A sentence."""

    def show(self, snapshot: Snapshot) -> None:
        """How the run stands."""


class LocalRun:
    """Drives one run on a local cluster until it ends or is stopped."""

    def __init__(self, cluster: LocalCluster, body: JSONObject, run: CollectiveRun, view: View) -> None:
        self._cluster = cluster
        enabled = [phase for phase in PHASES if is_enabled(run.spec, phase)]
        self._platform = Platform(capacity=cluster.capacity(resources_of(run, phase) for phase in enabled))
        self._body = body
        self._status = RunStatus()
        self._uid = run.uid
        self._view = view
        self._stops = 0
        self._next_progress = 0.0
        self._jumps = Jumps()
        self._began = time.monotonic()

    async def drive(self) -> RunStatus:
        """Run the control loop until the run is Complete, Failed or Suspended; its last status.

        A second stop signal ends it at once.
        """
        loop = asyncio.get_running_loop()
        # A signal that is ignored already (nohup, a script's background job) stays ignored.
        signals = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        for number in signals:
            loop.add_signal_handler(number, self._stop)
        try:
            await self._loop_until_still()
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
        return self._status

    async def _loop_until_still(self) -> None:
        next_reconcile = time.monotonic() + await self._reconcile()
        next_show = 0.0
        while not self._is_still() and self._stops < 2:
            changed = self._cluster.advance()
            if changed or time.monotonic() >= next_reconcile:
                next_reconcile = time.monotonic() + await self._reconcile()
            if changed or time.monotonic() >= next_show:
                next_show = time.monotonic() + SHOW_SECONDS
                await self._show()
            await asyncio.sleep(LOOP_SECONDS)
        await self._show()

    async def _reconcile(self) -> float:
        """Reconcile once; in how many seconds the next is due if nothing happens."""
        is_due = time.monotonic() >= self._next_progress
        if is_due:
            self._next_progress = time.monotonic() + PROGRESS_SECONDS
        if jump := self._jumps.since_last():
            self._body |= {"status": status_document(without_jump(self._status, jump))}
            self._cluster.excuse(jump)
        reconciled = await reconcile(
            self._cluster,
            StoredRun.read(self._desired(), self._platform),
            datetime.now(UTC),
            write_progress=is_due,
            on_written=self._cluster.journal_transition,
        )
        self._body = reconciled.stored.body
        self._status = reconciled.status
        after = reconciled.requeue_after_seconds
        return SHOW_SECONDS if after is None else min(after, SHOW_SECONDS)

    def _desired(self) -> JSONObject:
        """The run as it is wanted now: a stop during one reconcile takes effect with the next."""
        if not self._stops:
            return self._body
        return {**self._body, "spec": {**self._body["spec"], "suspend": True}}

    def _is_still(self) -> bool:
        """Whether nothing will happen any more unless somebody changes the run."""
        return self._status.is_finished or self._status.is_true("Suspended")

    def _stop(self) -> None:
        self._stops += 1
        if self._stops == 1:
            self._view.say("stopping: every process saves a checkpoint; press Ctrl-C again to stop at once")

    async def _show(self) -> None:
        self._view.show(
            Snapshot(
                status=self._status,
                log_path=self._cluster.log_path,
                progress=await self._member_progress(),
                elapsed_seconds=time.monotonic() - self._began,
            )
        )

    async def _member_progress(self) -> Mapping[MemberKey, Progress]:
        progress = await self._cluster.progress(self._uid)
        by_member: dict[MemberKey, Progress] = {}
        for job in await self._cluster.jobs(self._uid):
            job_labels, name = job["metadata"]["labels"], job["metadata"]["name"]
            if name in progress and (progress[name].retrying or not progress[name].is_silent):
                by_member[job_labels[labels.PHASE], job_labels[labels.MEMBER]] = progress[name]
        return by_member


class Jumps:
    """Notices that the clock ran ahead or back since the last look: the machine slept, or somebody set it."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def since_last(self) -> float:
        """Seconds by which the clock jumped; 0 as a rule. The steady clock stands still in sleep."""
        before, self._ahead = self._ahead, time.time() - time.monotonic()
        jump = self._ahead - before
        return jump if abs(jump) >= JUMP_SECONDS else 0.0


def without_jump(status: RunStatus, jump_seconds: float) -> RunStatus:
    """A status whose active clock does not count what the machine's clock jumped."""
    if status.active_since is None:
        return status
    return status.replace(active_since=status.active_since + timedelta(seconds=round(jump_seconds)))


def without_lost_time(status: RunStatus, last_heartbeat: float | None, now: datetime) -> RunStatus:
    """A status whose active clock stood still while no driver was there: a lost driver spends no deadline.

    `last_heartbeat`: Unix seconds at which the last driver was known to be alive.
    """
    if status.active_since is None or last_heartbeat is None:
        return status
    active = max(0, int(last_heartbeat - status.active_since.timestamp()))
    return status.replace(active_seconds=status.active_seconds + active, active_since=now)
