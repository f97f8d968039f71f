"""Jobs of small real processes, for tests of this machine as a cluster; they stand for time and faults."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from testbed.waiting import LIMIT_SECONDS

from collectiverun_operator.cluster.local.cluster import LocalCluster

RUN_UID = "run-uid"
# Reports as the trainer does: one commit of this Pod.
COMMIT = (
    "import json, os;"
    "open(os.environ['COLLECTIVERUN_RESULT_PATH'], 'w').write(json.dumps("
    "{'exitCode': 0, 'reason': 'Succeeded', 'uri': 'memory://' + os.environ['COLLECTIVERUN_POD_UID'],"
    " 'manifestSha256': 'd1'}))"
)
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


def commit_once(folder: Path) -> str:
    """A script that commits as the trainer does: what an earlier attempt committed is reported again."""
    return (
        "import json, os; from pathlib import Path;"
        "order = json.loads(os.environ['COLLECTIVERUN_PHASE_ORDER']);"
        "uid = os.environ['COLLECTIVERUN_POD_UID'];"
        f"commit = Path({str(folder)!r}, 'commit-' + order['member']); mine = Path(str(commit) + uid);"
        "mine.write_text(uid);"
        "commit.exists() or os.replace(mine, commit);"
        "result = {'exitCode': 0, 'reason': 'Succeeded', 'uri': commit.read_text(), 'manifestSha256': 'd'};"
        "Path(os.environ['COLLECTIVERUN_RESULT_PATH']).write_text(json.dumps(result))"
    )


def manifest(
    script: str, member: str = "all", attempt: int = 1, threads: int = 1, **spec: Any
) -> dict[str, Any]:
    """A Job that runs `script` in Python. `spec`: resources, command, env, suspend, grace period."""
    order = {"phase": "experts", "member": member, "attempt": attempt, "threads": threads}
    container: dict[str, Any] = {
        "name": "trainer",
        "image": "trainer:test",
        "command": spec.get("command", ["python", "-c", script]),
        "env": [
            {"name": "COLLECTIVERUN_PHASE_ORDER", "value": json.dumps(order)},
            {"name": "COLLECTIVERUN_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            *spec.get("env", []),
        ],
        "resources": spec.get("resources", {}),
    }
    grace = spec.get("terminationGracePeriodSeconds", 30)
    pod_spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": grace, "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"run-experts-{member}-{attempt}", "namespace": "default"},
        "spec": {
            "suspend": spec.get("suspend", False),
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod_spec},
        },
    }


def create(cluster: LocalCluster, *manifests: dict[str, Any]) -> list[dict[str, Any]]:
    """Create Jobs."""
    return [asyncio.run(cluster.create_job(manifest)) for manifest in manifests]


def delete(cluster: LocalCluster, job: dict[str, Any]) -> None:
    """Delete a Job."""
    metadata = job["metadata"]
    asyncio.run(cluster.delete_job(metadata["namespace"], metadata["name"], metadata["uid"]))


def jobs(cluster: LocalCluster) -> list[dict[str, Any]]:
    """All Jobs."""
    return asyncio.run(cluster.jobs(RUN_UID))


def pods(cluster: LocalCluster) -> list[dict[str, Any]]:
    """All Pods, in the order of their Jobs' names."""
    return sorted(asyncio.run(cluster.pods(RUN_UID)), key=lambda pod: pod["metadata"]["name"])


def phases(cluster: LocalCluster) -> list[str]:
    """`status.phase` of every Pod, in the order of their Jobs' names."""
    return [pod["status"]["phase"] for pod in pods(cluster)]


def advance_until(cluster: LocalCluster, condition: Callable[[], bool]) -> None:
    """Let the machine work until something holds; AssertionError if it never does."""
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        cluster.advance()
        if condition():
            return
        assert time.monotonic() < end, f"never happened; Pods are {pods(cluster)}"
        time.sleep(0.02)


def advance_to_end(cluster: LocalCluster) -> None:
    """Let the machine work until every Pod has ended."""
    advance_until(cluster, lambda: all(phase in ("Succeeded", "Failed") for phase in phases(cluster)))


def has_printed(log: Path) -> bool:
    """Whether a process has written a line to its log, and that whole: its end is a write of its own."""
    return log.exists() and log.read_text().endswith("\n")


def gone(pid: int) -> bool:
    """Whether a process has ended; nobody may have taken note of it yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def container_state(pod: dict[str, Any]) -> dict[str, Any]:
    """`state` of a Pod's only container."""
    state: dict[str, Any] = pod["status"]["containerStatuses"][0]["state"]
    return state


def condition(pod: dict[str, Any], kind: str) -> dict[str, Any]:
    """A condition of a Pod."""
    return next(condition for condition in pod["status"]["conditions"] if condition["type"] == kind)
