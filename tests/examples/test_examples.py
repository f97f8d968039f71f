"""Every file of examples/ is a valid run, and goes through all its phases with smoke budgets."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.command_here import Said, said_here

from collectiverun_operator.cli import main

ON_KUBERNETES = "05-on-kubernetes.yaml"  # its storage and resources are a cluster's
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
COLLECTIVERUN = Path(sys.executable).parent / "collectiverun"


def test_there_are_examples():
    assert len(EXAMPLES) >= 4


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`collectiverun validate` within this process, in the folder of the examples."""
    monkeypatch.chdir(EXAMPLES[0].parent)

    def validate(*arguments: str, body: dict[str, Any] | None = None) -> Said:
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(yaml.safe_dump(body).encode())))
        return said_here(main.main, ["collectiverun", "validate", *arguments], monkeypatch, capfd)

    return validate


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid(path, validated):
    rules = ("--kubernetes",) if path.name == ON_KUBERNETES else ()
    done = validated(*rules, "-f", str(path))
    assert done.code == 0, done.error


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_on_a_cluster_or_told_what_one_needs(path, validated):
    body = yaml.safe_load(path.read_text())
    if path.name != ON_KUBERNETES:
        done = validated("--kubernetes", "-f", str(path))
        assert done.code == 3
        (told,) = done.error.splitlines()[1:]
        assert told.startswith("spec.storage.uri: 'file://./runs' is a folder beside the run file")
        assert "write s3://bucket/prefix and give credentials" in told
        body["spec"]["storage"] = {"uri": "s3://bucket/prefix", "credentials": {"secretRef": {"name": "s3"}}}
    done = validated("--kubernetes", "-f", "-", body=body)
    assert done.code == 0, done.error


def test_a_clusters_example_is_told_what_this_machine_does_instead(validated):
    path = next(path for path in EXAMPLES if path.name == ON_KUBERNETES)
    done = validated("-f", str(path))
    assert done.code == 3
    assert "spec.storage.credentials" in done.error
    assert "AWS_" in done.error


@pytest.mark.timeout(2400)  # a minute or two of both cores, where nobody else wants them
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_completes_with_smoke_budgets(path, tmp_path):
    body = yaml.safe_load(path.read_text())
    body["spec"]["storage"] = {"uri": f"file://{tmp_path}/storage"}
    done = subprocess.run(
        [str(COLLECTIVERUN), "run", "-f", "-", "--smoke", "--json"],
        input=yaml.safe_dump(body),
        capture_output=True,
        text=True,
        env={**os.environ, "COLLECTIVERUN_CACHE": str(tmp_path / "cache")},
        cwd=EXAMPLES[0].parent,  # paths of models are relative to it, where the run file is standard input
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["state"] == "Complete"
    phases = {phase["name"]: phase["state"] for phase in outcome["phases"]}
    assert phases["evaluation"] == "Succeeded"
    assert len(list((tmp_path / "storage").rglob("evaluation/*/attempt-1/*/report.html"))) == 1
