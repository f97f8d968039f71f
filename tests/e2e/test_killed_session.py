"""A session that is killed: the kernel ends and unmounts all that it started, the next one removes the rest.

It comes before any other test of this folder (`conftest.py`), because there is one node at a time.
"""

import json
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from e2e import cgroups
from e2e.container_images import CACHE, PAUSE
from e2e.containerd import Containerd
from e2e.node import clear
from testbed import ROOT
from testbed.processes.daemon import Daemon
from testbed.processes.left_running import has_ended
from testbed.waiting import eventually

A_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "idle", "namespace": "default"},
    "spec": {
        "terminationGracePeriodSeconds": 600,
        "containers": [{"name": "idle", "image": PAUSE, "imagePullPolicy": "Never"}],
    },
}
# Where containerd, the kubelet, and the Pods' network write without being asked where.
PLACES = (
    *("/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods"),
    *("/opt/cni", "/opt/containerd", "/run/cni", "/run/containerd", "/run/netns", "/run/nri"),
    *("/etc/cni/net.d", "/usr/libexec/kubernetes"),
)


def contents():
    """What there is of these places."""
    return {place: sorted(map(str, Path(place).iterdir())) for place in PLACES if Path(place).is_dir()}


@pytest.fixture
def place(tmp_path_factory):
    """A folder with a short name, because the kubelet's sockets lie below it."""
    return tmp_path_factory.mktemp("killed")


@pytest.fixture
def start(place):
    """Start a session with a node on which these Pods run; the session, and the node's containerd."""
    sessions = []

    def begin(*pods):
        folder = place / str(len(sessions))
        static = folder / "node" / "static-pods"
        static.mkdir(parents=True)
        for pod in pods:
            (static / f"{pod['metadata']['name']}.json").write_text(json.dumps(pod))
        command = [sys.executable, "-m", "e2e.lone_node", str(folder)]
        environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        session = Daemon("session", command, folder, environment)
        sessions.append(session)
        session.start()
        session.wait_until((folder / "node" / "ready-for-kubelet").exists)
        return session, Containerd(folder / "node" / "containerd.sock")

    yield begin
    for session in sessions:
        if session.is_running:
            kill(session)
    clear()


def kill(session):
    """Kill the session's first process alone: what it started must end with it."""
    family = psutil.Process(session.pid).children(recursive=True)
    os.kill(session.pid, signal.SIGKILL)
    eventually(lambda: all(map(has_ended, family)), lambda: f"all of {family} end")


def test_nothing_outlives_a_killed_session_and_the_next_one_finds_none_of_its_pods(place, start):
    before = contents()
    session, containerd = start(A_POD)
    # The Pod's container and its sandbox's.
    session.wait_until(lambda: len(containerd.names("tasks")) == 2)
    assert containerd.names("sandboxes")
    kill(session)
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(CACHE) not in mounts
    assert str(place) not in mounts
    assert contents() == before

    session, containerd = start()
    kinds = ("tasks", "containers", "sandboxes", "leases")
    assert {kind: containerd.names(kind) for kind in kinds} == {kind: [] for kind in kinds}
    kill(session)
    clear()
    assert not any(path.exists() for path in cgroups.roots())
