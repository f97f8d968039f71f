"""A driver that dies at any moment: nothing runs on, nothing runs twice, and the journal proves it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from testbed.waiting import eventually
from unit_operator.local_jobs import (
    COMMIT,
    SLEEP,
    advance_until,
    commit_once,
    condition,
    container_state,
    create,
    delete,
    gone,
    has_printed,
    jobs,
    manifest,
    phases,
    pods,
)

from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.cluster.local.journal import read_journal, violations
from collectiverun_operator.cluster.local.machine import Machine
from collectiverun_operator.cluster.local.state_dir import AlreadyDrivenError, StateDir

TESTS = Path(__file__).parents[1]
# Makes members one after the other, attempt after attempt, as a plan would: in a process of its own.
DRIVER = """
import sys, time
from pathlib import Path
from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.cluster.local.machine import Machine
from unit_operator.local_jobs import create, delete, jobs, manifest, pods

script, members = sys.argv[2], sys.argv[3:]
done, attempts = set(), {}
with LocalCluster.open(Path(sys.argv[1]), Machine(cores=2)) as cluster:
    print("driving", flush=True)
    while len(done) < len(members):
        cluster.advance()
        ended = {pod["metadata"]["name"][:-6]: pod["status"]["phase"] for pod in pods(cluster)}
        for job in jobs(cluster):
            name = job["metadata"]["name"]
            member, attempt = name.split("-")[2], int(name.split("-")[3])
            attempts[member] = max(attempts.get(member, 0), attempt)
            if ended[name] == "Succeeded":
                done.add(member)
            elif ended[name] == "Failed":
                delete(cluster, job)
        present = {job["metadata"]["name"].split("-")[2] for job in jobs(cluster)}
        for member in members:
            if member not in present | done:
                create(cluster, manifest(script, member=member, attempt=attempts.get(member, 0) + 1))
        time.sleep(0.01)
"""


def start_driver(folder, script, *members):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    command = [sys.executable, "-c", DRIVER, str(folder), script, *members]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True)


def events(folder, kind):
    return [event for event in read_journal(folder / "history.jsonl") if event["event"] == kind]


@pytest.fixture
def lost(tmp_path):
    """A record whose driver was killed while one process ran; the process's number."""
    driver = start_driver(tmp_path, SLEEP, "m0")
    eventually(
        lambda: (tmp_path / "logs/experts/m0/attempt-1.jsonl").exists() and events(tmp_path, "podStarted")
    )
    driver.kill()
    driver.wait()
    return events(tmp_path, "podStarted")[0]["processId"]


def test_a_process_dies_with_its_driver(lost):
    eventually(lambda: gone(lost))


def test_the_pod_of_a_lost_driver_is_a_disruption(lost, tmp_path):
    with LocalCluster.open(tmp_path, Machine(cores=1)) as cluster:
        (pod,) = pods(cluster)
        assert pod["status"]["phase"] == "Failed"
        assert condition(pod, "DisruptionTarget")["reason"] == "DriverLost"
        assert container_state(pod)["terminated"]["exitCode"] == 137
    assert events(tmp_path, "podEnded")[0]["reason"] == "DriverLost"


def test_a_process_that_outlived_its_driver_is_killed_before_anything_starts(tmp_path):
    # It takes the kernel's promise back (PR_SET_PDEATHSIG 0) and leaves a child in another session.
    child = "import time; time.sleep(600)"
    script = (
        "import ctypes, subprocess, sys, time; ctypes.CDLL(None).prctl(1, 0);"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True);"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    driver = start_driver(tmp_path, script, "m0")
    log = tmp_path / "logs/experts/m0/attempt-1.jsonl"
    eventually(lambda: has_printed(log))
    driver.kill()
    driver.wait()
    survivors = {events(tmp_path, "podStarted")[0]["processId"], int(log.read_text())}
    assert not any(gone(pid) for pid in survivors)
    with LocalCluster.open(tmp_path, Machine(cores=1)):
        assert all(gone(pid) for pid in survivors)
    assert set(events(tmp_path, "podEnded")[0]["survivors"]) == survivors


def test_a_number_that_was_given_to_another_process_is_left_alone(lost, tmp_path):
    path = tmp_path / "jobs/run-experts-m0-1.json"
    document = json.loads(path.read_text())
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    document["process"]["processId"] = bystander.pid
    path.write_text(json.dumps(document))
    with LocalCluster.open(tmp_path, Machine(cores=1)) as cluster:
        assert phases(cluster) == ["Failed"]
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_pod_that_never_started_waits_on_under_the_next_driver(tmp_path):
    with LocalCluster.open(tmp_path, Machine(cores=1)) as cluster:
        create(cluster, manifest(COMMIT))
        (before,) = pods(cluster)
    with LocalCluster.open(tmp_path, Machine(cores=1)) as cluster:
        advance_until(cluster, lambda: phases(cluster) == ["Succeeded"])
        assert pods(cluster)[0]["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_job_whose_deletion_was_cut_off_is_gone_under_the_next_driver(tmp_path):
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
    cluster = LocalCluster.open(tmp_path, Machine(cores=1))
    (job,) = create(cluster, manifest(script))
    advance_until(cluster, lambda: has_printed(tmp_path / "logs/experts/all/attempt-1.jsonl"))
    delete(cluster, job)
    cluster.close()
    with LocalCluster.open(tmp_path, Machine(cores=1)) as cluster:
        cluster.advance()
        assert jobs(cluster) == []


def test_a_second_driver_is_told_who_drives(tmp_path):
    with LocalCluster.open(tmp_path, Machine(cores=1)), pytest.raises(AlreadyDrivenError) as caught:
        LocalCluster.open(tmp_path, Machine(cores=1))
    assert f"already driven by process {os.getpid()}" in str(caught.value)
    StateDir.open(tmp_path).close()


def test_half_a_line_of_the_journal_is_dropped(tmp_path):
    LocalCluster.open(tmp_path, Machine(cores=1)).close()
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"time": 1, "event": "podSta')
    LocalCluster.open(tmp_path, Machine(cores=1)).close()
    names = [event["event"] for event in read_journal(tmp_path / "history.jsonl")]
    assert names == ["driverStarted", "driverEnded"] * 2


@pytest.mark.timeout(900)  # seven drivers one after the other, each with a start of its own
@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_every_member_commits_once(tmp_path, seed):
    moment = random.Random(seed)
    members = [f"m{i}" for i in range(4)]
    script = f"import time; time.sleep(0.2); {commit_once(tmp_path)}"
    for _ in range(6):
        driver = start_driver(tmp_path, script, *members)
        assert driver.stdout.readline() == b"driving\n"
        time.sleep(moment.uniform(0.0, 0.5))
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    driver = start_driver(tmp_path, script, *members)
    assert driver.wait() == 0
    history = read_journal(tmp_path / "history.jsonl")
    assert violations(history) == []
    ended = [event for event in history if event["event"] == "podEnded"]
    assert {event["member"] for event in ended if event["exitCode"] == 0} == set(members)
    assert len(events(tmp_path, "driverStarted")) == 7
