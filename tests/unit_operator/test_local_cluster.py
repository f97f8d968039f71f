"""This machine as a cluster: a Job's container command is a process, its fate a Pod's status."""

import asyncio
import json
import os
import re
import signal
import sys

import pytest
from unit_operator.local_jobs import (
    SLEEP,
    advance_to_end,
    advance_until,
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
from collectiverun_operator.cluster.local.journal import read_journal
from collectiverun_operator.cluster.local.machine import Machine
from collectiverun_operator.cluster.local.process import NICENESS


@pytest.fixture
def cluster(tmp_path):
    with LocalCluster.open(tmp_path, Machine(cores=2)) as cluster:
        yield cluster


def only_end(cluster):
    advance_to_end(cluster)
    (pod,) = pods(cluster)
    return container_state(pod)["terminated"]


def running(cluster, path):
    """Wait until the process has written its first line: signal handlers are in place."""
    advance_until(cluster, lambda: has_printed(path))


def test_a_command_that_succeeds_is_a_succeeded_pod_with_its_result_line(cluster):
    script = "import os; open(os.environ['COLLECTIVERUN_RESULT_PATH'], 'w').write('{\"exitCode\": 0}\\n')"
    create(cluster, manifest(script))
    terminated = only_end(cluster)
    assert (terminated["exitCode"], terminated["reason"], terminated["message"]) == (
        0,
        "Completed",
        '{"exitCode": 0}',
    )
    assert phases(cluster) == ["Succeeded"]
    (job,) = jobs(cluster)
    assert job["status"]["succeeded"] == 1
    assert job["status"]["conditions"][0]["type"] == "Complete"


def test_python_is_this_interpreter_and_the_environment_says_who_and_how_many_threads(cluster, tmp_path):
    script = (
        "import json, os, sys; names = ('COLLECTIVERUN_POD_UID', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS',"
        " 'OPENBLAS_NUM_THREADS', 'GIVEN'); print(json.dumps([sys.executable, *map(os.environ.get, names)]))"
    )
    create(cluster, manifest(script, threads=3, env=[{"name": "GIVEN", "value": "by the Job"}]))
    advance_to_end(cluster)
    (pod,) = pods(cluster)
    printed = json.loads((tmp_path / "logs/experts/all/attempt-1.jsonl").read_text())
    assert printed == [sys.executable, pod["metadata"]["uid"], "3", "3", "3", "by the Job"]


def test_a_failure_keeps_its_exit_code_and_the_end_of_its_log(cluster, tmp_path):
    create(cluster, manifest("import sys; print('the reason', file=sys.stderr); sys.exit(7)"))
    terminated = only_end(cluster)
    assert (terminated["exitCode"], terminated["reason"], terminated["message"]) == (7, "Error", "the reason")
    assert phases(cluster) == ["Failed"]
    assert (tmp_path / "logs/experts/all/attempt-1.log").read_text() == "the reason\n"
    assert jobs(cluster)[0]["status"]["conditions"][0]["type"] == "Failed"


def test_a_signal_is_reported_as_a_container_does(cluster):
    create(cluster, manifest("import os; os.kill(os.getpid(), 11)"))
    terminated = only_end(cluster)
    assert (terminated["exitCode"], terminated["signal"]) == (139, 11)


def test_a_result_longer_than_a_termination_message_is_cut(cluster):
    script = "import os; open(os.environ['COLLECTIVERUN_RESULT_PATH'], 'w').write('x' * 9000)"
    create(cluster, manifest(script))
    assert only_end(cluster)["message"] == "x" * 4096


def test_a_command_that_is_not_there_ends_the_pod_with_a_sentence(cluster):
    create(cluster, manifest("", command=["no-such-program"]))
    terminated = only_end(cluster)
    assert (terminated["exitCode"], terminated["reason"]) == (128, "StartError")
    assert terminated["message"] == "the command 'no-such-program' is not on this machine's PATH"


def test_a_variable_only_a_cluster_can_fill_in_ends_the_pod_with_a_sentence(cluster):
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    create(cluster, manifest("", env=[secret]))
    terminated = only_end(cluster)
    assert (terminated["exitCode"], terminated["reason"]) == (3, "InvalidConfiguration")
    assert "'TOKEN'" in terminated["message"]
    assert "only a cluster" in terminated["message"]


def test_pods_wait_as_unschedulable_while_the_cores_are_used_up(cluster):
    create(cluster, *(manifest(SLEEP, member=f"m{i}") for i in range(3)))
    advance_until(cluster, lambda: phases(cluster).count("Running") == 2)
    waiting = pods(cluster)[2]
    assert waiting["status"]["phase"] == "Pending"
    assert condition(waiting, "PodScheduled")["reason"] == "Unschedulable"
    assert condition(waiting, "PodScheduled")["message"] == "2 of 2 cores are in use"
    delete(cluster, jobs(cluster)[0])
    advance_until(cluster, lambda: phases(cluster) == ["Running", "Running"])
    assert condition(pods(cluster)[1], "PodScheduled")["status"] == "True"


def test_fractions_of_a_core_add_up_and_more_cores_than_there_are_mean_all(cluster):
    half = {"requests": {"cpu": "500m"}}
    create(cluster, *(manifest(SLEEP, member=f"m{i}", resources=half) for i in range(4)))
    advance_until(cluster, lambda: phases(cluster) == ["Running"] * 4)
    create(cluster, manifest(SLEEP, member="z", resources={"limits": {"cpu": 64}}))
    cluster.advance()
    assert phases(cluster)[4] == "Pending"
    for job in jobs(cluster)[:4]:
        delete(cluster, job)
    advance_until(cluster, lambda: phases(cluster) == ["Running"])


def test_more_gpus_than_this_machine_has_are_refused_at_once_with_a_sentence(tmp_path):
    with LocalCluster.open(tmp_path, Machine(cores=8, count_gpus=lambda: ("0",))) as cluster:
        create(cluster, manifest(SLEEP, resources={"limits": {"nvidia.com/gpu": 2}}))
        cluster.advance()
        terminated = container_state(pods(cluster)[0])["terminated"]
        assert (terminated["exitCode"], terminated["reason"]) == (3, "InvalidConfiguration")
        assert "requests 2 nvidia.com/gpu, and CUDA sees 1 on this machine" in terminated["message"]


@pytest.mark.parametrize("resources", [{}, {"limits": {"cpu": 1}}, {"limits": {"nvidia.com/gpu": 0}}])
def test_who_requests_no_gpu_sees_none(tmp_path, monkeypatch, resources):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    script = "import os; print('[' + os.environ['CUDA_VISIBLE_DEVICES'] + ']', flush=True)"
    with LocalCluster.open(tmp_path, Machine(cores=8, count_gpus=lambda: ("0", "1"))) as cluster:
        create(cluster, manifest(script, resources=resources))
        advance_to_end(cluster)
    assert (tmp_path / "logs/experts/all/attempt-1.jsonl").read_text() == "[]\n"


def test_nobody_asks_the_driver_while_nobody_requests_a_gpu(tmp_path):
    def refuse():
        raise AssertionError("the driver was asked")

    with LocalCluster.open(tmp_path, Machine(cores=1, count_gpus=refuse)) as cluster:
        create(cluster, manifest("pass"))
        advance_to_end(cluster)


def test_gpus_are_given_out_one_by_one(tmp_path):
    script = "import os, time; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); time.sleep(600)"
    gpu = {"limits": {"nvidia.com/gpu": "1"}}
    with LocalCluster.open(tmp_path, Machine(cores=8, count_gpus=lambda: ("4", "7"))) as cluster:
        create(cluster, *(manifest(script, member=f"m{i}", resources=gpu) for i in range(3)))
        logs = [tmp_path / f"logs/experts/m{i}/attempt-1.jsonl" for i in range(2)]
        advance_until(cluster, lambda: all(map(has_printed, logs)))
        assert [log.read_text() for log in logs] == ["4\n", "7\n"]
        assert condition(pods(cluster)[2], "PodScheduled")["message"] == "all GPUs are in use"


def test_more_memory_than_the_limit_is_an_oom_kill_and_counts_children(cluster):
    child = "x = bytearray(200 << 20); import time; time.sleep(600)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    create(cluster, manifest(script, resources={"limits": {"memory": "100Mi"}}))
    terminated = only_end(cluster)
    assert (terminated["exitCode"], terminated["reason"], terminated["signal"]) == (137, "OOMKilled", 9)
    used, limit = re.search(
        r"used (\d+)Mi of memory; resources.limits.memory is (\d+)Mi$", terminated["message"]
    ).groups()
    assert int(used) > int(limit) == 100


def test_deleting_a_job_lets_its_process_stop_in_its_own_time(cluster, tmp_path):
    script = (
        "import signal, sys, time\n"
        "def stop(*_):\n    time.sleep(0.3); print('saved', flush=True); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, stop); print('ready', flush=True)\ntime.sleep(600)"
    )
    (job,) = create(cluster, manifest(script, terminationGracePeriodSeconds=600))
    log = tmp_path / "logs/experts/all/attempt-1.jsonl"
    running(cluster, log)
    delete(cluster, job)
    assert "deletionTimestamp" in jobs(cluster)[0]["metadata"]
    assert "deletionTimestamp" in pods(cluster)[0]["metadata"]
    advance_until(cluster, lambda: jobs(cluster) == [])
    assert log.read_text() == "ready\nsaved\n"
    assert read_journal(tmp_path / "history.jsonl")[-1]["exitCode"] == 143


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(cluster, tmp_path):
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
    (job,) = create(cluster, manifest(script, terminationGracePeriodSeconds=1))
    running(cluster, tmp_path / "logs/experts/all/attempt-1.jsonl")
    delete(cluster, job)
    advance_until(cluster, lambda: pods(cluster) == [])
    assert read_journal(tmp_path / "history.jsonl")[-1]["exitCode"] == 137


def test_a_job_that_waits_or_has_ended_is_gone_as_soon_as_it_is_deleted(cluster):
    ended, *_ = create(cluster, manifest("pass", member="a"))
    advance_to_end(cluster)
    suspended, *_ = create(cluster, manifest(SLEEP, member="b", suspend=True))
    cluster.advance()
    assert phases(cluster) == ["Succeeded", "Pending"]
    delete(cluster, ended)
    delete(cluster, suspended)
    assert jobs(cluster) == []


def test_a_job_is_deleted_under_its_uid_only(cluster):
    (job,) = create(cluster, manifest(SLEEP))
    delete(cluster, {"metadata": {**job["metadata"], "uid": "another"}})
    assert "deletionTimestamp" not in jobs(cluster)[0]["metadata"]


def test_creating_a_job_twice_makes_one(cluster):
    first, second = create(cluster, manifest(SLEEP), manifest(SLEEP))
    assert first["metadata"]["uid"] == second["metadata"]["uid"]
    assert len(pods(cluster)) == 1


def test_a_process_and_its_session_give_way(cluster, tmp_path):
    script = (
        "import os; print(os.nice(0)); group = '/proc/self/autogroup';"
        "print(open(group).read().split()[-1] if os.path.exists(group) else os.nice(0))"
    )
    create(cluster, manifest(script))
    only_end(cluster)
    expected = min(19, os.nice(0) + NICENESS)
    assert (tmp_path / "logs/experts/all/attempt-1.jsonl").read_text().split() == [str(expected)] * 2


def test_what_a_process_leaves_behind_goes_with_it(cluster, tmp_path):
    child = "import time; time.sleep(600)"
    script = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {child!r}]).pid)"
    create(cluster, manifest(script))
    advance_to_end(cluster)
    orphan = int((tmp_path / "logs/experts/all/attempt-1.jsonl").read_text())
    advance_until(cluster, lambda: gone(orphan))


def test_progress_is_the_newest_line_of_its_kind(cluster):
    lines = [{"kind": "progress", "envSteps": 1}, {"kind": "metrics"}, {"kind": "progress", "envSteps": 2}]
    text = (
        "\n".join(json.dumps(line) for line in lines) + "\na library's chatter\n[1]\n" + '{"kind": "progress"'
    )
    create(cluster, manifest(f"print({text!r}, end='', flush=True); {SLEEP}"))

    def steps():
        (job,) = jobs(cluster)
        progress = asyncio.run(cluster.progress("run-uid"))
        found = progress.get(job["metadata"]["name"])
        return None if found is None else found.env_steps

    advance_until(cluster, lambda: steps() == 2)


def test_ctrl_c_on_the_terminal_does_not_reach_the_processes(cluster, tmp_path):
    create(cluster, manifest(SLEEP))
    running(cluster, tmp_path / "logs/experts/all/attempt-1.jsonl")
    event = next(
        event for event in read_journal(tmp_path / "history.jsonl") if event["event"] == "podStarted"
    )
    assert os.getsid(event["processId"]) == event["processId"] != os.getsid(0)
    os.kill(event["processId"], signal.SIGKILL)
    assert only_end(cluster)["exitCode"] == 137
