"""A run on a real API server with attempts to look at: one that failed, one that runs."""

from __future__ import annotations

from typing import Any

from kubernetes_cluster.blocking_cluster import BlockingCluster
from kubernetes_cluster.unscheduled_runs import create_run, manifest_of
from support.namespace import JSONObject, Namespace
from unit_operator.builders import trainer_of

ROOT, MEMBER = "s3://bucket/runs/default/demo-01234567", "reach-v3-sawyer"
STATUS = {
    "state": "Running",
    "specHash": "0123456789abcdef",
    "startTime": "2026-01-01T00:00:00Z",
    "resolved": {"storageRoot": ROOT},
    "conditions": [],
    "phases": [
        {
            "name": "experts",
            "state": "Running",
            "members": [{"name": MEMBER, "state": "Running", "attempt": 2}],
        }
    ],
}
FAILS = """
import json, sys
print(json.dumps({"kind": "progress", "envSteps": 40, "totalEnvSteps": 400, "fraction": 0.1}), flush=True)
sys.exit("there is no such robot")
"""


def run_of_two_attempts(
    namespace: Namespace, cluster: BlockingCluster, fails: str = FAILS, **template: Any
) -> JSONObject:
    """The first attempt of its member failed, the second one has no end; `template`: of its Pods."""
    run = create_run(namespace, podTemplate=template)
    cluster.write_status(run, STATUS)
    for attempt, program in ((1, fails), (2, "import time; time.sleep(3600)")):
        manifest = manifest_of(run, attempt=attempt)
        trainer_of(manifest).update(command=["python", "-c", program], env=[])
        cluster.create_job(manifest)
    return run
