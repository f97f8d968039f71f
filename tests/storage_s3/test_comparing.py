"""`collectiverun compare` of runs whose roots lie in a real S3 server, and of one on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from phases.small_run import SmallRun
from testbed.object_store import REGION, ObjectStore

from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, MANIFEST_NAME, Artifact
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import Phase, Task
from collectiverun_trainer.order import StorageOptions

COMMAND = Path(sys.executable).parent / "collectiverun"
PHASES: tuple[Phase, ...] = ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation")


@pytest.fixture(scope="module")
def finished() -> SmallRun:
    """A finished run, in the memory of this process."""
    params = {"experts": {"source": "scripted"}, "evaluation": {"videos": False}}
    run = SmallRun(tasks=(Task(env="reach-v3"), Task(env="door-close-v3")), params=params)
    for phase in PHASES:
        run.do(phase)
    return run


def copied(run: SmallRun, storage: Storage, root: str) -> str:
    """The run again, with this root."""
    for references in run.artifacts.values():
        artifact = Artifact.open(Storage(StorageOptions()), references[0].uri)
        for name in (*artifact.names, MANIFEST_NAME, COMMIT_NAME):
            content = Storage(StorageOptions()).read(f"{artifact.uri}/{name}")
            storage.write(f"{artifact.uri.replace(run.root, root)}/{name}", content)
    return root


def compare(server: ObjectStore, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {"AWS_REGION": REGION, "OMP_NUM_THREADS": "1", **variables}
    command = [str(COMMAND), "compare", *words, "--endpoint", server.endpoint]
    return subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True)


def test_runs_in_s3_stand_beside_one_on_this_machine(server, storage, uri, finished, tmp_path) -> None:
    roots = [copied(finished, storage, f"{uri}/default/night-{digit * 8}") for digit in "01"]
    here = copied(finished, Storage(StorageOptions()), f"file://{tmp_path}/default/day-22222222")
    page = tmp_path / "compare.html"
    done = compare(server, *roots, here, "--output", str(page), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    (one,) = told["configurations"]
    assert [run["root"] for run in one["runs"]] == [*roots, here]
    labels = [run["label"] for run in one["runs"]]
    for row in told["success"]:
        assert len({json.dumps(row["runs"][label]) for label in labels}) == 1
    assert all(root in page.read_text() for root in roots)


def test_what_s3_refuses_or_does_not_have(server, storage, uri, finished) -> None:
    root, gone = copied(finished, storage, f"{uri}/default/night-00000000"), f"{uri}/default/night-99999999"
    missing = compare(server, root, gone)
    assert (missing.returncode, missing.stdout) == (4, "")
    assert missing.stderr.startswith(f"{gone} holds no finished phase of a run")
    refused = compare(server, root, gone, AWS_SECRET_ACCESS_KEY="wrong")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (3, "", 1)
    assert "AWS_SECRET_ACCESS_KEY" in refused.stderr or "SignatureDoesNotMatch" in refused.stderr
