"""The command against a real S3 server: exit codes, and nothing on stderr when all is well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from storage_s3.conftest import options
from storage_s3.uploads import begun_uploads, uploads_left
from testbed.object_store import BUCKET, REGION, ObjectStore

from collectiverun_trainer.config import Task
from collectiverun_trainer.order import PhaseOrder, PhaseResult, RunIdentity
from collectiverun_trainer.phases.preparation import prepare
from collectiverun_trainer.process.reporter import Reporter


class NeverStopped:
    requested = False


def new_order(server: ObjectStore, member_uri: str) -> PhaseOrder:
    task = Task(env="reach-v3")
    return PhaseOrder(
        run=RunIdentity(namespace="default", name="demo", uid="0123456789"),
        phase="experts",
        member=task.name,
        tasks=(task,),
        storage=options(server.endpoint),
        member_uri=member_uri,
    )


def run(
    order: PhaseOrder, folder: Path, **variables: str
) -> tuple[subprocess.CompletedProcess[str], PhaseResult]:
    path = folder / "result"
    ended = subprocess.run(
        [sys.executable, "-m", "collectiverun_trainer", order.phase, "--order", "-"],
        env={**os.environ, "COLLECTIVERUN_RESULT_PATH": str(path), **variables},
        input=order.model_dump_json(by_alias=True),
        capture_output=True,
        text=True,
    )
    return ended, PhaseResult.model_validate_json(path.read_text())


def test_published_work_is_reported_again(server: ObjectStore, credentials, uri, tmp_path):
    order = new_order(server, uri)
    work = prepare(order, Reporter(), NeverStopped())
    published = work.publish(work.writer(), None, 7)
    ended, result = run(order, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert result == published


def test_a_wrong_key_is_exit_code_3(server: ObjectStore, credentials, uri, tmp_path):
    ended, result = run(new_order(server, uri), tmp_path, AWS_SECRET_ACCESS_KEY="wrong")
    assert (ended.returncode, result.reason) == (3, "StorageRefused")
    assert f"Access to {uri} was refused" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_missing_bucket_is_exit_code_3(server: ObjectStore, credentials, tmp_path):
    ended, result = run(new_order(server, "s3://no-such-bucket/run/experts"), tmp_path)
    assert (ended.returncode, result.reason) == (3, "StorageRefused")
    assert "The bucket of s3://no-such-bucket/run/experts does not exist" in ended.stderr


def test_a_new_attempt_aborts_what_the_one_before_it_left_half_sent(
    server: ObjectStore, credentials, uri, tmp_path
):
    begun_uploads(server, uri, "attempt-1/pod/state.bin")
    order = new_order(server, uri).model_copy(update={"phase": "trajectoryTransformer", "attempt": 2})
    _, result = run(order, tmp_path)
    assert result.reason == "InputInvalid", "there are no experts, so nothing trains"
    assert uploads_left(server, uri) == []


@pytest.mark.parametrize("limit_seconds", ["0", "2"])
def test_a_server_that_stays_away_is_exit_code_5(own_server: ObjectStore, tmp_path, limit_seconds):
    own_server.kill()
    ended, result = run(
        new_order(own_server, f"s3://{BUCKET}/run"),
        tmp_path,
        COLLECTIVERUN_STORAGE_RETRY_SECONDS=limit_seconds,
        **own_server.environment,
    )
    assert (ended.returncode, result.reason) == (5, "StorageUnavailable")
    assert f"Storage failed for {limit_seconds} seconds" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_keys_never_reach_what_is_said_or_stored(
    server: ObjectStore, credentials, storage, uri, tmp_path
):
    order = new_order(server, uri)
    work = prepare(order, Reporter(), NeverStopped())
    published = work.publish(work.writer(), None, 7)
    ended, result = run(order, tmp_path)
    manifest = storage.read(f"{published.uri}/manifest.json").decode()
    for text in (ended.stdout, ended.stderr, result.to_line(), manifest):
        assert server.secret_key not in text
        assert server.access_key not in text
    assert REGION not in manifest
