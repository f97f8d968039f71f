"""A run that is stopped or killed at any moment goes on where it was, and its record proves what ran when."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest
from contract.collectiverun_command import (
    commits,
    document,
    finish,
    has_started,
    history,
    start,
    tiny_run,
)
from waiting import eventually

from collectiverun_operator.cluster.local_history import violations

pytestmark = pytest.mark.timeout(900)

MEMBERS = 5
PHASES = ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation")


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
    eventually(lambda: has_progress(path, "trajectoryTransformer"))
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
    eventually(lambda: has_started(path, "experts"))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 130


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
        eventually(lambda phase=phase, known=known: starts(path, phase) > known or is_over(path, phase))
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
