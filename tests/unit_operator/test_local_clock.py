"""A machine that sleeps, or whose clock is set: a run on it spends no deadline with that."""

import asyncio
import time
from datetime import timedelta

import pytest
from unit_operator.builders import NOON
from unit_operator.local_jobs import (
    SLEEP,
    advance_to_end,
    advance_until,
    create,
    delete,
    has_printed,
    manifest,
    phases,
    pods,
)

from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.cli.local_run import Jumps, without_jump
from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.cluster.local.machine import Machine
from collectiverun_operator.formatting import parse_time
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


@pytest.fixture
def cluster(tmp_path):
    """A machine of one core."""
    with LocalCluster.open(tmp_path, Machine(cores=1)) as cluster:
        yield cluster


def startable_times(cluster):
    """Since when each Pod could start, by which it is late."""
    return [parse_time(pod["metadata"]["creationTimestamp"]) for pod in pods(cluster)]


@pytest.mark.parametrize("seconds", [AN_HOUR, -AN_HOUR])
def test_a_pod_that_waits_for_a_core_is_not_late_for_it_and_one_that_ended_stays_as_it_was(cluster, seconds):
    create(cluster, manifest("pass", "first"))
    advance_to_end(cluster)
    create(cluster, manifest("pass", "second"))
    ended, waiting = startable_times(cluster)
    cluster.excuse(seconds)
    assert startable_times(cluster) == [ended, waiting + timedelta(seconds=seconds)]
    assert startable_times(cluster) == [
        parse_time(document["pod"]["metadata"]["creationTimestamp"])
        for document in cluster._state_dir.read_jobs()
    ]


def test_a_process_that_is_being_stopped_is_not_lost_for_it(cluster):
    (job,) = create(cluster, manifest(SLEEP))
    advance_until(cluster, lambda: phases(cluster) == ["Running"])
    delete(cluster, job)
    before = parse_time(pods(cluster)[0]["metadata"]["deletionTimestamp"])
    cluster.excuse(AN_HOUR)
    after = parse_time(pods(cluster)[0]["metadata"]["deletionTimestamp"])
    assert after - before == timedelta(seconds=AN_HOUR)


def test_it_is_no_time_without_progress(cluster, tmp_path):
    create(cluster, manifest(SLEEP))
    advance_until(cluster, lambda: has_printed(tmp_path / "logs/experts/all/attempt-1.jsonl"))
    (before,) = asyncio.run(cluster.progress("run")).values()
    cluster.excuse(AN_HOUR)
    (after,) = asyncio.run(cluster.progress("run")).values()
    assert after.since - before.since == timedelta(seconds=AN_HOUR)
