"""A machine that sleeps, or whose clock is set: a run on it spends no deadline with that."""

import time
from datetime import timedelta

import pytest
from unit_operator.builders import NOON

from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.cli.local_run import Jumps, without_jump
from collectiverun_operator.plan.deadlines import active_seconds

AN_HOUR = 3600.0
STARTED = RunStatus(active_since=NOON, active_seconds=7)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch):
    """Put the clock of this machine ahead or back; the steady one goes on."""
    now = time.time
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: now() + seconds)


@pytest.mark.parametrize("seconds", [AN_HOUR, -AN_HOUR])
def test_a_jump_of_the_clock_is_noticed_once(set_clock, seconds):
    jumps = Jumps()
    assert jumps.since_last() == 0
    set_clock(seconds)
    assert jumps.since_last() == pytest.approx(seconds, abs=1)
    assert jumps.since_last() == 0


def test_a_clock_that_is_corrected_a_little_is_no_jump(set_clock):
    jumps = Jumps()
    set_clock(2.0)
    assert jumps.since_last() == 0


@pytest.mark.parametrize("seconds", [AN_HOUR, -AN_HOUR])
def test_the_active_time_does_not_count_it(seconds):
    worked = timedelta(seconds=60)
    after = without_jump(STARTED, seconds + 0.3)
    assert active_seconds(after, NOON + worked + timedelta(seconds=seconds)) == 67


def test_a_clock_that_stands_still_stands_still():
    assert without_jump(RunStatus(active_seconds=7), AN_HOUR) == RunStatus(active_seconds=7)
