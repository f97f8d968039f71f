"""A cluster that stays: with Kueue, and that nothing of it is left once it is stopped."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml
from testbed.cluster import standing_cluster
from unit_testbed.cluster_command import command

# Every wait of a test may take long on a busy machine.
pytestmark = pytest.mark.timeout(900)
# Where Kueue would look for certificates.
OUTSIDE = [Path("/etc/kueue"), Path("/visibility")]


def servers_of(folder):
    """Its processes, as `ps` shows them."""
    found = psutil.process_iter(["cmdline"])
    return [process.info["cmdline"] for process in found if f"{folder}/" in str(process.info["cmdline"])]


def test_a_cluster_is_given_kueue_and_two_runs_to_try_and_leaves_nothing(tmp_path):
    folder, outside = tmp_path / "cluster", [path.exists() for path in OUTSIDE]
    try:
        plain = command("up", folder)
        assert plain.returncode == 0, plain.stderr
        assert "Kueue" not in plain.stderr
        started = command("up", folder, "--kueue")
        assert started.returncode == 0, started.stderr
        assert started.stdout == plain.stdout  # beside the cluster that is up
        assert command("up", folder).stderr.count("two-runs.yaml") == 1  # it is found again
        cluster = standing_cluster.find(folder)
        wanted = json.loads(cluster.kubectl("get", "localqueues", "robots", "--output", "json"))
        assert cluster.get("clusterqueue", wanted["spec"]["clusterQueue"])["kind"] == "ClusterQueue"
        runs = list(yaml.safe_load_all((folder / "two-runs.yaml").read_text()))
        assert {run["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] for run in runs} == {"robots"}
        for run in runs:
            priority = run["metadata"]["labels"]["kueue.x-k8s.io/priority-class"]
            assert cluster.get("workloadpriorityclass", priority)["value"] > 0
    finally:
        stopped = command("down", folder)
    assert (stopped.returncode, folder.exists(), servers_of(folder)) == (0, False, [])
    assert [path.exists() for path in OUTSIDE] == outside


def test_a_server_whose_start_was_killed_is_ended_with_the_folder(tmp_path):
    folder = tmp_path / "cluster"
    (folder / "control-plane").mkdir(parents=True)
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    server = subprocess.Popen([*sleeping, f"--data-dir={folder}/etcd"], start_new_session=True)
    reader = subprocess.Popen([*sleeping, f"{folder}/etcd.log"])
    try:
        assert standing_cluster.remove(folder)
        assert (server.poll(), reader.poll(), folder.exists()) == (-15, None, False)
    finally:
        server.kill()
        reader.kill()
