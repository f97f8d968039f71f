"""One run on this machine, from its file to its end: record, lock, plan after plan, Ctrl-C.

It decides nothing about members: that is the plan's. It only turns the wheel (let the machine work,
reconcile, show) and asks for suspension when a person asks the command to stop.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from collectiverun_operator.api import labels
from collectiverun_operator.api.conditions import COMPLETE, FAILED, SUSPENDED, holds
from collectiverun_operator.cli.snapshot import MemberKey, Snapshot
from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.formatting import format_time, parse_time
from collectiverun_operator.reconciler import reconcile

JSONObject = dict[str, Any]

TURN_SECONDS = 0.1
SHOW_SECONDS = 0.5
FIGURES_SECONDS = 30.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class View(Protocol):
    """Shows snapshots to a person."""

    def say(self, text: str) -> None:
        """A sentence."""

    def show(self, snapshot: Snapshot) -> None:
        """How the run stands."""


class LocalRun:
    """Drives one run on a local cluster until it ends or is stopped."""

    def __init__(self, cluster: LocalCluster, body: JSONObject, uid: str, view: View) -> None:
        self._cluster = cluster
        self._body = body
        self._uid = uid
        self._view = view
        self._stops = 0
        self._next_figures = 0.0
        self._began = time.monotonic()

    @property
    def status(self) -> JSONObject:
        """The run's status as last planned."""
        status: JSONObject = self._body.get("status") or {}
        return status

    async def drive(self) -> JSONObject:
        """Turn until the run is Complete, Failed or Suspended; its last status. A second stop ends it now."""
        loop = asyncio.get_running_loop()
        # What the caller had us ignore (nohup, a script's background job) stays ignored.
        heard = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        for number in heard:
            loop.add_signal_handler(number, self._stop)
        try:
            await self._turn_until_still()
        finally:
            for number in heard:
                loop.remove_signal_handler(number)
        return self.status

    async def _turn_until_still(self) -> None:
        next_reconcile = time.monotonic() + await self._reconcile()
        next_show = 0.0
        while not self._is_still() and self._stops < 2:
            changed = self._cluster.advance()
            if changed or time.monotonic() >= next_reconcile:
                next_reconcile = time.monotonic() + await self._reconcile()
            if changed or time.monotonic() >= next_show:
                next_show = time.monotonic() + SHOW_SECONDS
                await self._show()
            await asyncio.sleep(TURN_SECONDS)
        await self._show()

    async def _reconcile(self) -> float:
        """One round of the plan; in how many seconds the next is due if nothing happens."""
        due = time.monotonic() >= self._next_figures
        if due:
            self._next_figures = time.monotonic() + FIGURES_SECONDS
        reconciled = await reconcile(self._cluster, self._wanted(), datetime.now(UTC), write_progress=due)
        self._body = reconciled.body
        after = reconciled.requeue_after_seconds
        return SHOW_SECONDS if after is None else min(after, SHOW_SECONDS)

    def _wanted(self) -> JSONObject:
        """The run as it is wanted now: a stop that is heard in the middle of a round is for the next one."""
        if not self._stops:
            return self._body
        return {**self._body, "spec": {**self._body["spec"], "suspend": True}}

    def _is_still(self) -> bool:
        """Whether nothing will happen any more unless somebody changes the run."""
        return any(holds(self.status, condition) for condition in (COMPLETE, FAILED, SUSPENDED))

    def _stop(self) -> None:
        self._stops += 1
        if self._stops == 1:
            self._view.say("stopping: every process saves a checkpoint; press Ctrl-C again to stop at once")

    async def _show(self) -> None:
        self._view.show(
            Snapshot(
                status=self.status,
                log_path=self._cluster.log_path,
                progress=await self._member_progress(),
                elapsed_seconds=time.monotonic() - self._began,
            )
        )

    async def _member_progress(self) -> Mapping[MemberKey, JSONObject]:
        progress = await self._cluster.progress(self._uid)
        found: dict[MemberKey, JSONObject] = {}
        for job in await self._cluster.jobs(self._uid):
            marks, name = job["metadata"]["labels"], job["metadata"]["name"]
            if name in progress:
                found[(marks[labels.PHASE], marks[labels.MEMBER])] = progress[name]
        return found


def without_lost_time(status: JSONObject, last_sign_of_life: float | None, now: datetime) -> JSONObject:
    """A status whose active clock stood still while no driver was there: a lost driver spends no deadline."""
    since = parse_time(status.get("activeSince"))
    if since is None or last_sign_of_life is None:
        return status
    active = max(0, int(last_sign_of_life - since.timestamp()))
    return {
        **status,
        "activeSeconds": status.get("activeSeconds", 0) + active,
        "activeSince": format_time(now),
    }
