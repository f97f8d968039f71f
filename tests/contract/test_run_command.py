"""`collectiverun run` before its end, with the real trainer: what it says, waits for and refuses."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from contract.collectiverun_command import (
    COMMAND,
    WAIT_SECONDS,
    document,
    endless_run,
    finish,
    has_started,
    history,
    start,
    tiny_run,
)
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)
GPUS = {"limits": {"nvidia.com/gpu": 99}}


@pytest.mark.parametrize(("content", "code"), [(None, 0), ("kind: Job", 3), ("", 2)])
def test_validate_says_its_code_though_nobody_reads_it(tmp_path, content, code):
    path = tiny_run(tmp_path)
    if content is not None:
        path.write_text(content)
    reader, writer = os.pipe()
    os.close(reader)
    command = [COMMAND, "validate", "-f", path]
    stream = "stdout" if code == 0 else "stderr"
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    done = subprocess.run(command, check=False, **{stream: writer, other: subprocess.PIPE})
    os.close(writer)
    assert (done.returncode, getattr(done, other)) == (code, b"")


def test_more_tasks_a_job_than_there_are_is_noted(tmp_path):
    path = tiny_run(tmp_path, phases={"experts": {"tasksPerJob": 9}})
    done = subprocess.run([COMMAND, "validate", "-f", path], capture_output=True, text=True)
    note = (
        "note: spec.phases.experts.tasksPerJob: 9 is more than the 2 to be trained: one Job trains them all"
    )
    assert (done.returncode, done.stderr.strip()) == (0, note)


def test_a_smoke_run_tells_the_budgets_of_the_file_that_it_lowers(tmp_path):
    phases = {"experts": {"params": {"totalEnvSteps": 9000, "batchSize": 8}}, "evaluation": {"params": {}}}
    environment = {"horizonEnvSteps": 20, "goals": 40}
    path = tiny_run(tmp_path, phases=phases, environment=environment)
    command = [COMMAND, "validate", "-f", path]
    done = subprocess.run([*command, "--smoke"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "default/tiny-smoke is valid: 2 tasks\n")
    assert done.stderr.splitlines() == [
        "--smoke lowers these budgets of the file:",
        "  spec.environment: goals 40 → 4",
        "  spec.phases.experts.params: totalEnvSteps 9000 → 400",
    ]
    assert subprocess.run(command, check=False, capture_output=True, text=True).stderr == ""


def test_a_second_driver_is_refused_and_the_first_goes_on(tmp_path, start_endless):
    path = endless_run(tmp_path)
    first = start_endless(path)
    eventually(lambda: has_started(path, "experts"))
    code, stdout, stderr = finish(start_endless(path))
    assert (code, stdout) == (2, "")
    assert f"already driven by process {first.pid}" in stderr
    first.terminate()
    assert finish(first)[0] == 130


def test_a_reader_that_goes_away_stops_the_run_without_a_traceback(tmp_path, start_endless):
    process = start_endless(endless_run(tmp_path))
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=WAIT_SECONDS) == 130
    assert process.stderr.read() == ""
    process.stderr.close()


def test_storage_that_is_tried_again_is_said_meanwhile_with_its_reason(tmp_path, start_endless, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    nobody = {"uri": "s3://bucket/runs", "endpoint": "http://127.0.0.1:1", "region": "us-east-1"}
    process = start_endless(endless_run(tmp_path, storage=nobody))
    line = next(line for line in process.stdout if "waits: " in line)
    assert " experts/" in line
    assert "Storage failed at s3://bucket/runs/default/tiny-" in line
    assert line.strip().endswith("; it is tried again for up to 300 s.")


def test_a_member_whose_process_never_ran_waits_and_has_spent_no_attempt(tmp_path, start_endless):
    path = endless_run(tmp_path, experts={"resources": {"requests": {"cpu": 999}}})  # one at a time gets all
    for number in (1, 2):
        process = start_endless(path)
        eventually(lambda: [event["event"] for event in history(path)].count("podStarted") == number)  # noqa: B023
        process.send_signal(signal.SIGINT)
        code, stdout, _ = finish(process)
        assert code == 130
        assert "experts/reach-v3-sawyer: Stopping" in stdout
        assert "experts/door-close-v3-sawyer" not in stdout
    (record,) = (tmp_path / "cache").glob("*/run.json")
    first, second = json.loads(record.read_text())["status"]["phases"][0]["members"]
    assert (first["attempt"], second["attempt"], second["state"]) == (2, 0, "Waiting")


def test_a_member_that_fails_tells_why_where_its_log_is_and_what_to_do(tmp_path):
    (tmp_path / "storage").write_text("a file where a folder should be")
    path = tiny_run(tmp_path, runPolicy={"retries": {"application": 0, "infrastructure": 0}})
    code, stdout, stderr = finish(start(path))
    assert code == 1, stderr
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in stdout.splitlines() if line.strip()}
    assert told["failed"].startswith("experts/")
    assert "storage" in told["failed"]
    assert told["next"]
    assert Path(told["log"]).read_text()


def test_more_memory_than_the_limit_fails_and_says_which_field_to_raise(tmp_path, start_endless):
    limited = {"resources": {"limits": {"memory": "64Mi"}}}
    path = endless_run(tmp_path, experts=limited, runPolicy={"retries": {"application": 0}})
    code, stdout, _ = finish(start_endless(path, "--json"))
    assert code == 1
    failure = document(stdout)["lastFailure"]
    assert (failure["reason"], failure["exitCode"], failure["kind"]) == ("OOMKilled", 137, "application")


def test_a_run_file_that_asks_to_be_suspended_runs_nothing(tmp_path):
    path = tiny_run(tmp_path, suspend=True)
    code, stdout, _ = finish(start(path, "--json"))
    assert (code, document(stdout)["state"]) == (130, "Suspended")
    assert not any(event["event"] == "jobCreated" for event in history(path))


def test_standard_input_is_a_run_file_and_a_relative_folder_is_below_the_current_one(tmp_path):
    body = yaml.safe_load(tiny_run(tmp_path).read_text())
    body["spec"] |= {"suspend": True, "storage": {"uri": "file://./here"}}
    done = subprocess.run(
        [COMMAND, "run", "-f", "-", "--json", "--cache", tmp_path / "cache"],
        input=json.dumps(body),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 130, done.stderr
    assert document(done.stdout)["root"].startswith(f"file://{tmp_path}/here/default/tiny-")


def test_a_file_is_one_run_wherever_the_command_is_started(tmp_path):
    path = tiny_run(tmp_path, suspend=True, storage={"uri": "file://./here"})
    roots = set()
    for folder in (tmp_path, tmp_path / "elsewhere"):
        folder.mkdir(exist_ok=True)
        command = [
            COMMAND,
            "run",
            "-f",
            os.path.relpath(path, folder),
            "--json",
            "--cache",
            tmp_path / "cache",
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        roots.add(document(done.stdout)["root"])
    (root,) = roots
    assert root.startswith(f"file://{tmp_path}/here/default/tiny-")


def test_the_run_can_be_driven_from_another_folder_under_the_same_record(tmp_path):
    body = yaml.safe_load(tiny_run(tmp_path, suspend=True).read_text())
    runs = []
    for folder, uri in (("a", "file://../storage"), ("b", f"file://{tmp_path}/storage")):
        (tmp_path / folder).mkdir()
        body["spec"]["storage"]["uri"] = uri
        command = [COMMAND, "run", "-f", "-", "--json", "--cache", tmp_path / "cache"]
        done = subprocess.run(
            command, input=json.dumps(body), capture_output=True, text=True, cwd=tmp_path / folder
        )
        runs.append(document(done.stdout)["root"])
    assert runs[0] == runs[1]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_deadline_stands_still_while_no_driver_is_there(tmp_path, start_endless):
    path = endless_run(tmp_path, runPolicy={"activeDeadlineSeconds": 100_000})
    first = start_endless(path)
    eventually(lambda: has_started(path, "experts"))
    first.kill()
    first.communicate()
    # As if the driver had run for 50 s in 2020 and nobody had come back since.
    (record,) = (path.parent / "cache").glob("*/run.json")
    run = json.loads(record.read_text())
    run["status"]["activeSince"] = "2020-01-01T00:00:00Z"
    record.write_text(json.dumps(run))
    sign_of_life = {"processId": first.pid, "heartbeatTime": 1_577_836_800.0 + 50}
    record.with_name("driver.json").write_text(json.dumps(sign_of_life))
    second = start_endless(path)
    eventually(
        lambda: any(event["event"] == "podStarted" and event["attempt"] == 2 for event in history(path))
    )
    second.terminate()
    assert finish(second)[0] == 130
    assert 50 <= json.loads(record.read_text())["status"]["activeSeconds"] < 1000


def test_a_gpu_that_a_late_phase_requests_and_nobody_has_is_told_before_anything_starts(tmp_path):
    phases = {"experts": {"params": {"source": "scripted"}}, "evaluation": {"resources": GPUS}}
    path = tiny_run(tmp_path, phases=phases)
    code, _, told = finish(start(path))
    assert code == 3
    assert "spec.phases.evaluation.resources: it requests 99 nvidia.com/gpu, and CUDA sees" in told
    assert not any(event["event"] == "jobCreated" for event in history(path))
