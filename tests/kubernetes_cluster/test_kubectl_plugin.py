"""`kubectl collectiverun`: kubectl itself starts the plugin, with its kubeconfig and its namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from kubernetes_cluster.looking_run import MEMBER, ROOT, run_of_two_attempts
from testbed.programs.binaries import kubectl
from testbed.waiting import eventually

MARK = "Zebra7Crossing"
# A program that tells what it should not, before it fails.
TELLS = f"""
import os, sys
print("AWS_SECRET_ACCESS_KEY={MARK}", flush=True)
print("own variable {MARK}Own", flush=True)
sys.exit("https://me:{MARK}@example.com refuses")
"""


@pytest.fixture
def plugin(small_cluster, namespace, tmp_path):
    """`kubectl collectiverun …` with a kubeconfig whose context names the namespace of the test."""
    config = yaml.safe_load(small_cluster.kubeconfig.read_text())
    for context in config["contexts"]:
        context["context"]["namespace"] = namespace.name
    path = tmp_path / "kubeconfig.yaml"
    path.write_text(yaml.safe_dump(config))
    environment = {
        **os.environ,
        "KUBECONFIG": str(path),
        "KUBECACHEDIR": str(tmp_path / "kubectl"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
    }

    def run(*words, **variables):
        command, own = [str(kubectl()), "collectiverun", *words], environment | variables
        return subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True)

    return run


def printed(done):
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_kubectl_knows_the_plugin_and_its_usage_names_it(plugin):
    usage = printed(plugin("--help"))
    assert "Usage: kubectl collectiverun [OPTIONS] COMMAND" in usage
    assert "Usage: kubectl collectiverun status [OPTIONS]" in printed(plugin("status", "--help"))
    wrong = plugin("status")
    assert wrong.returncode != 0
    assert "Try 'kubectl collectiverun status --help'" in wrong.stderr
    assert "│ list " in usage
    assert not {word for word in ("run", "validate", "play") if f"│ {word} " in usage}


def test_runs_of_the_contexts_namespace(plugin, namespace, cluster):
    run_of_two_attempts(namespace, cluster)

    def is_under_way():
        document = json.loads(printed(plugin("status", "demo", "--json")))
        attempts = document["phases"][0]["members"][0]["attempts"]
        return [one["state"] for one in attempts] == ["Failed", "Running"]

    eventually(is_under_way, "an attempt that failed and one that runs")
    assert f"{namespace.name}/demo  Running" in printed(plugin("status", "demo"))
    log = printed(plugin("logs", "demo", MEMBER, "--attempt", "1"))
    assert log == "10 %, 40 of 400\nthere is no such robot\n"
    (listed,) = json.loads(printed(plugin("list", "--json")))
    assert (listed["name"], listed["namespace"], listed["root"]) == ("demo", namespace.name, ROOT)
    everywhere = json.loads(printed(plugin("list", "--all-namespaces", "--json")))
    assert namespace.name in {one["namespace"] for one in everywhere}


def test_what_is_not_there(plugin, namespace):
    missing = plugin("status", "nowhere")
    sentence = f"namespace {namespace.name} has no run called 'nowhere'; it has none\n"
    assert (missing.returncode, missing.stdout, missing.stderr) == (2, "", sentence)
    elsewhere = plugin("status", "nowhere", "--namespace", "kube-system")
    assert elsewhere.stderr == "namespace kube-system has no run called 'nowhere'; it has none\n"


def test_a_context_and_a_kubeconfig_are_chosen_as_by_kubectl(plugin, small_cluster, namespace, tmp_path):
    config = yaml.safe_load(small_cluster.kubeconfig.read_text())
    (context, *_) = config["contexts"]
    named = {"here": namespace.name, "elsewhere": "kube-system"}
    config["contexts"] = [
        {"name": name, "context": context["context"] | {"namespace": own}} for name, own in named.items()
    ]
    config["current-context"] = "here"
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(config))
    for words, variables in (
        (("--kubeconfig", str(path)), {"KUBECONFIG": "/nowhere"}),
        (("--context", "here"), {"KUBECONFIG": str(path)}),
        (("--kubeconfig", str(path), "--context", "elsewhere", "-n", namespace.name), {}),
    ):
        missing = plugin("status", "nowhere", *words, **variables)
        assert missing.stderr == f"namespace {namespace.name} has no run called 'nowhere'; it has none\n"
    missing = plugin("status", "nowhere", "--kubeconfig", str(path), "--context", "elsewhere")
    assert missing.stderr == "namespace kube-system has no run called 'nowhere'; it has none\n"
    wrong = plugin("list", "--kubeconfig", str(path), "--context", "prod")
    assert (wrong.returncode, wrong.stdout) == (5, "")
    assert wrong.stderr == f"the kubeconfig {path} has no context 'prod'; it has here, elsewhere\n"


def test_a_dump_of_a_clusters_run_has_no_credential(plugin, namespace, cluster, tmp_path):
    variable = {"name": "SOMETHING", "value": f"{MARK}Own"}
    template = {
        "metadata": {"annotations": {"vault": MARK}},
        "spec": {"containers": [{"name": "trainer", "env": [variable]}]},
    }
    run_of_two_attempts(namespace, cluster, TELLS, **template)

    def has_failed():
        document = json.loads(printed(plugin("status", "demo", "--json")))
        return document["phases"][0]["members"][0]["attempts"][0]["state"] == "Failed"

    eventually(has_failed, "the attempt that fails")
    done = plugin("debug-dump", "demo", "--output", "dump.tar.gz", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["missing"] == []
    with tarfile.open(tmp_path / "dump.tar.gz") as archive:
        found = {one.name.partition("/")[2]: archive.extractfile(one).read().decode() for one in archive}
    assert [name for name, content in found.items() if MARK in content] == []
    (log,) = (content for name, content in found.items() if f"{MEMBER}/attempt-1-" in name)
    assert log == (
        "AWS_SECRET_ACCESS_KEY=(hidden)\nown variable (hidden)\nhttps://(hidden)@example.com refuses\n"
    )
    assert json.loads(found["run.json"])["metadata"]["name"] == "demo"
    assert {pod["status"]["phase"] for pod in json.loads(found["pods.json"])} == {"Failed", "Running"}
    assert len(json.loads(found["jobs.json"])) == 2
    assert isinstance(json.loads(found["events.json"]), list)
