"""`collectiverun run`: opens a run's state directory, continues the run and prints its outcome."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from collectiverun_operator.api.immutability import changed_fields
from collectiverun_operator.api.members import members_of
from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.run import CollectiveRun, parse_run
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.api.status_json import UnreadableStatusError, read_status, status_document
from collectiverun_operator.cli.cache_folder import state_folder
from collectiverun_operator.cli.local_run import LocalRun, without_lost_time
from collectiverun_operator.cli.plain_lines import PlainLines
from collectiverun_operator.cli.published import check_published
from collectiverun_operator.cli.report import outcome_document, outcome_parts
from collectiverun_operator.cli.snapshot import Snapshot
from collectiverun_operator.cli.terminal import LiveTable
from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.errors import CollectiveRunError, Fault, InvalidRun
from collectiverun_operator.jobs.phase_order import resources_of
from collectiverun_operator.json_types import JSONObject

COMPLETE_CODE, FAILED_CODE, STOPPED_CODE = 0, 1, 130


class ChangedRunError(CollectiveRunError):
    """The run file differs from what the run began with, in fields that can't change."""


class UnreadableStateError(CollectiveRunError):
    """This version can't read the run's state directory."""


class _Terminal(Console):
    """A console that lets its caller know when nobody reads what it prints; rich would exit with code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, "the reader of the output is gone")


def run_here(document: JSONObject, run: CollectiveRun, *, cache: Path | None, as_json: bool) -> int:
    """Run or continue `run` until it ends; the exit code. Prints progress, then the outcome.

    Raises CollectiveRunError with a sentence if it can't be driven here, OSError if it can't write its state.
    """
    folder = state_folder(run.uid, cache)
    console = _Terminal(stderr=as_json, highlight=False)
    with LocalCluster.open(folder, run_uid=run.uid) as cluster:
        body = _resumed(document, run, cluster)
        if not read_status(body.get("status") or {}).is_finished:
            _check_machine(run, cluster)
        try:
            status = _drive(cluster, body, run, console)
            _print_outcome(status, cluster, console, folder, as_json)
        except BrokenPipeError:  # the reader is gone: what runs is stopped, what has ended has ended
            discard_output()
            status = _recorded_status(cluster)
    if status.is_true("Complete"):
        return COMPLETE_CODE
    return FAILED_CODE if status.is_true("Failed") else STOPPED_CODE


def discard_output() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, and Python's exit stays quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())


def _recorded_status(cluster: LocalCluster) -> RunStatus:
    recorded = cluster.read_run()
    return RunStatus() if recorded is None else _parse_recorded(recorded, cluster).status


def _resumed(document: JSONObject, run: CollectiveRun, cluster: LocalCluster) -> JSONObject:
    """The run file's document with the status recorded on this machine."""
    metadata = {**document["metadata"], "namespace": run.namespace, "uid": run.uid}
    body = {**document, "metadata": metadata}
    recorded = cluster.read_run()
    if recorded is None:
        return body
    before = _parse_recorded(recorded, cluster)
    _check_unchanged(before, run)
    check_published(before.status, cluster.folder)
    if not before.status.has_begun:
        return {**body, "status": recorded.get("status") or {}}
    status = without_lost_time(before.status, cluster.lost_since_time, datetime.now(UTC))
    return {**body, "status": status_document(status)}


def _parse_recorded(recorded: JSONObject, cluster: LocalCluster) -> CollectiveRun:
    try:
        return parse_run(recorded)
    except (InvalidRun, UnreadableStatusError) as error:
        raise UnreadableStateError(
            f"this version can't read the run in the state directory; remove {cluster.folder} to start over:"
            f" what is published in storage is taken over\n{error}"
        ) from None


def _check_unchanged(before: CollectiveRun, run: CollectiveRun) -> None:
    hint = "change it back, or give the changed run another metadata.name"
    changed = changed_fields(before.spec, run.spec)
    if changed:
        told = (f"{path}: can't change once the run has begun; {_was(old)}: {hint}" for path, old in changed)
        raise ChangedRunError("\n".join(told))


def _check_machine(run: CollectiveRun, cluster: LocalCluster) -> None:
    """Say at once what a later phase would be refused for, perhaps after days. Raises InvalidRun."""
    running = ((phase, members_of(run.spec, phase)) for phase in PHASES)
    faults = [
        Fault(f"spec.phases.{phase.name}.resources", why)
        for phase, members in running
        if members and (why := cluster.impossible(resources_of(run, phase)))
    ]
    if faults:
        raise InvalidRun(faults)


def _was(value: object) -> str:
    """The value that a field had, as a run file may say it; whole, because it is to be copied."""
    return "it was not set" if value is None else f"it was {json.dumps(value, ensure_ascii=False)}"


def _drive(cluster: LocalCluster, body: JSONObject, run: CollectiveRun, console: Console) -> RunStatus:
    live = console.file.isatty() and not console.is_dumb_terminal
    view = LiveTable(console, f"{run.namespace}/{run.name}") if live else PlainLines(console.file)
    with view:
        local_run = LocalRun(cluster, body, run, view)
        if not live:
            view.say(f"run {run.namespace}/{run.name}, state directory {cluster.folder}")
        return asyncio.run(local_run.drive())


def _print_outcome(
    status: RunStatus, cluster: LocalCluster, console: Console, folder: Path, as_json: bool
) -> None:
    """Print the outcome: tables for people, and one JSON document where it was asked for."""
    times = cluster.phase_times()
    snapshot = Snapshot(status=status, log_path=cluster.log_path)
    for part in outcome_parts(snapshot, times, folder):
        console.print(part, soft_wrap=isinstance(part, Text))
    if status.is_true("Suspended"):
        console.print("stopped; run the same command again to continue")
    if as_json:
        print(json.dumps(outcome_document(status, times), indent=2), flush=True)
