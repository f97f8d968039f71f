"""`collectiverun list`, `status`, `logs`, `report` with `--kubernetes`: a real API server, Pods on a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kubernetes_cluster.looking_run import MEMBER, ROOT, run_of_two_attempts
from testbed.waiting import eventually

from collectiverun_operator.cluster.kubernetes.client import KUBECONFIG_VARIABLE

COMMAND = Path(sys.executable).parent / "collectiverun"


@pytest.fixture
def looking(small_cluster, namespace):
    """The command, for the namespace of the test."""

    def run(*arguments, kubeconfig=small_cluster.kubeconfig):
        words = [str(COMMAND), *arguments, "--kubernetes", "--namespace", namespace.name]
        environment = {**os.environ, KUBECONFIG_VARIABLE: str(kubeconfig)}
        return subprocess.run(words, env=environment, capture_output=True, text=True)

    return run


def printed(done):
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_run_and_its_attempts(namespace, cluster, looking):
    run_of_two_attempts(namespace, cluster)

    def attempts():
        document = json.loads(printed(looking("status", "demo", "--json")))
        found = document["phases"][0]["members"][0]["attempts"]
        return found if [one["state"] for one in found] == ["Failed", "Running"] else None

    first, second = eventually(attempts, "an attempt that failed and one that runs")
    assert (first["attempt"], first["exitCode"], second["attempt"]) == (1, 1, 2)
    assert f"exit code 1, there is no such robot, Pod {first['pod']}" in printed(looking("status", "demo"))
    log = printed(looking("logs", "demo", MEMBER, "--attempt", "1", "--follow"))
    assert log == "10 %, 40 of 400\nthere is no such robot\n"
    (listed,) = json.loads(printed(looking("list", "--json")))
    assert (listed["name"], listed["root"], listed["state"]) == ("demo", ROOT, "Running")


def test_what_is_not_there(namespace, cluster, looking):
    run_of_two_attempts(namespace, cluster)
    unknown = looking("status", "nowhere")
    sentence = f"namespace {namespace.name} has no run called 'nowhere'; it has demo\n"
    assert (unknown.returncode, unknown.stdout, unknown.stderr) == (2, "", sentence)
    none = looking("report", "demo")
    assert (none.returncode, none.stdout) == (4, "")
    assert none.stderr.startswith(f"{namespace.name}/demo has no report: it is Running")


def kubeconfig(folder, server):
    """Of a user whose token nobody knows."""
    named = {"name": "a"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [named | {"context": {"cluster": "a", "user": "a"}}],
        "users": [named | {"user": {"token": "wrong"}}],
        "clusters": [named | {"cluster": {"server": server, "insecure-skip-tls-verify": True}}],
    }
    path = folder / "kubeconfig.json"
    path.write_text(json.dumps(document))
    return path


def test_a_cluster_that_refuses_or_does_not_answer(cluster, looking, small_cluster, tmp_path):
    (known,) = yaml.safe_load(small_cluster.kubeconfig.read_text())["clusters"]
    refused = looking("list", kubeconfig=kubeconfig(tmp_path, known["cluster"]["server"]))
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "401" in refused.stderr
    silent = looking("list", kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:9"))
    assert (silent.returncode, silent.stdout) == (5, "")
    assert "the API server at http://127.0.0.1:9 does not answer" in silent.stderr
    assert (refused.stderr.count("\n"), silent.stderr.count("\n")) == (1, 1)
