"""Every file of examples/ is a valid run, and goes through all its phases with smoke budgets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ON_KUBERNETES = "05-on-kubernetes.yaml"  # its storage and resources are a cluster's
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
COLLECTIVERUN = Path(sys.executable).parent / "collectiverun"


def _collectiverun(*arguments: str, cache: Path, body: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLLECTIVERUN_CACHE": str(cache)}
    command = [str(COLLECTIVERUN), *arguments]
    # In their folder: paths of models are relative to the run file, and to where one on standard input is.
    folder = EXAMPLES[0].parent
    return subprocess.run(command, input=body, capture_output=True, text=True, env=environment, cwd=folder)


def test_there_are_examples():
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid(path, tmp_path):
    rules = ("--kubernetes",) if path.name == ON_KUBERNETES else ()
    done = _collectiverun("validate", *rules, "-f", str(path), cache=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_on_a_cluster_or_told_what_one_needs(path, tmp_path):
    body = yaml.safe_load(path.read_text())
    if path.name != ON_KUBERNETES:
        done = _collectiverun("validate", "--kubernetes", "-f", str(path), cache=tmp_path)
        assert done.returncode == 3
        (told,) = done.stderr.splitlines()[1:]
        assert told.startswith("spec.storage.uri: 'file://./runs' is a folder beside the run file")
        assert "write s3://bucket/prefix and give credentials" in told
        body["spec"]["storage"] = {"uri": "s3://bucket/prefix", "credentials": {"secretRef": {"name": "s3"}}}
    arguments = ("validate", "--kubernetes", "-f", "-")
    done = _collectiverun(*arguments, cache=tmp_path, body=yaml.safe_dump(body))
    assert done.returncode == 0, done.stderr


def test_a_clusters_example_is_told_what_this_machine_does_instead(tmp_path):
    path = next(path for path in EXAMPLES if path.name == ON_KUBERNETES)
    done = _collectiverun("validate", "-f", str(path), cache=tmp_path)
    assert done.returncode == 3
    assert "spec.storage.credentials" in done.stderr
    assert "AWS_" in done.stderr


@pytest.mark.timeout(2400)  # a minute or two of both cores, where nobody else wants them
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_completes_with_smoke_budgets(path, tmp_path):
    body = yaml.safe_load(path.read_text())
    body["spec"]["storage"] = {"uri": f"file://{tmp_path}/storage"}
    arguments = ("run", "-f", "-", "--smoke", "--json")
    done = _collectiverun(*arguments, cache=tmp_path / "cache", body=yaml.safe_dump(body))
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["state"] == "Complete"
    phases = {phase["name"]: phase["state"] for phase in outcome["phases"]}
    assert phases["evaluation"] == "Succeeded"
    assert len(list((tmp_path / "storage").rglob("evaluation/*/attempt-1/*/report.html"))) == 1
