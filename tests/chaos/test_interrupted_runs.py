"""A run that is stopped or killed at any moment goes on where it was, and its record proves what ran when."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from chaos.short_run import PHASES
from contract.collectiverun_command import (
    commits,
    document,
    finish,
    has_started,
    history,
    start,
    tiny_run,
)
from testbed.waiting import eventually

from collectiverun_operator.cluster.local.journal import violations

pytestmark = pytest.mark.timeout(3600)

MEMBERS = 5
# For a run that takes a quarter of a minute where nothing else runs.
LIMIT_SECONDS = 900.0
INTERRUPTED_COMMAND = Path(__file__).with_name("interrupted_command.py")


def assert_every_member_committed_once(path):
    assert violations(history(path)) == []
    members = [commit.parts[-5:-3] for commit in commits(path)]
    assert len(members) == len(set(members)) == MEMBERS


def has_progress(path, phase):
    """Whether the phase has begun its work: its process answers signals itself from then on."""
    logs = (path.parent / "cache").glob(f"*/logs/{phase}/*/attempt-*.jsonl")
    return any('"progress"' in log.read_text() for log in logs)


def starts(path, phase):
    return sum(event["event"] == "podStarted" and event["phase"] == phase for event in history(path))


def test_ctrl_c_stops_at_a_checkpoint_and_the_same_command_continues(tmp_path):
    path = tiny_run(tmp_path)
    process = start(path)
    eventually(lambda: has_progress(path, "trajectoryTransformer"), "progress", LIMIT_SECONDS)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the driver's process group
    code, stdout, _ = finish(process)
    assert code == 130
    assert "run the same command again" in stdout
    assert history(path)[-1]["event"] == "driverEnded"
    code, stdout, stderr = finish(start(path, "--json"))
    assert code == 0, stderr
    assert document(stdout)["state"] == "Complete"
    assert starts(path, "experts") == 2
    assert_every_member_committed_once(path)


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    path = tiny_run(tmp_path)
    process = start(path)
    eventually(lambda: has_started(path, "experts"), "an expert's start", LIMIT_SECONDS)
    # While it is stopped, so that both come before it has had the time to act on the first.
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "it is stopped")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        process.send_signal(number)
    assert finish(process)[0] == 130
    assert not any(event["event"] == "jobDeleted" for event in history(path))  # nobody was asked to stop


def test_a_ctrl_c_in_the_middle_of_a_round_is_heeded_by_the_next(tmp_path):
    path = tiny_run(tmp_path)
    arguments = ("run", "-f", path, "--smoke", "--cache", tmp_path / "cache")
    command = [sys.executable, INTERRUPTED_COMMAND, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert ended.returncode == 130, ended.stderr
    assert "run the same command again" in ended.stdout
    # What the experts did with their signal is their own affair: the last of their work may be done.
    told = [event["state"] for event in history(path) if event["event"] == "statusChanged"]
    assert told[1:2] == ["Suspending"]
    assert told[-1] == "Suspended"
    assert not starts(path, "trajectoryTransformer")


def is_over(path, phase):
    """Whether a later phase has begun, or all is published: a kill may come too late for a phase."""
    later = PHASES[PHASES.index(phase) + 1 :]
    return any(starts(path, name) for name in later) or len(list(commits(path))) == MEMBERS


def test_killed_once_in_each_phase_the_run_completes_and_nothing_was_committed_twice(tmp_path):
    path = tiny_run(tmp_path)
    moment = random.Random(20)
    for phase in ("experts", *PHASES):
        known = starts(path, phase)
        process = start(path)
        eventually(
            lambda phase=phase, known=known: starts(path, phase) > known or is_over(path, phase),
            f"{phase} begins",
            LIMIT_SECONDS,
        )
        time.sleep(moment.uniform(0.0, 5.0))
        with suppress(ProcessLookupError):  # the run was over before
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    code, stdout, stderr = finish(start(path, "--json"))
    assert code == 0, stderr
    assert document(stdout)["state"] == "Complete"
    lost = [event for event in history(path) if event.get("reason") == "DriverLost"]
    assert lost
    assert_every_member_committed_once(path)
