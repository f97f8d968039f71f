"""Run files of the chart's tests."""

from __future__ import annotations

from typing import Any

GROUP = "collectiverl.io"
JSONObject = dict[str, Any]


def a_run(namespace: str, name: str = "first") -> JSONObject:
    """A run of one task that nobody has to work on."""
    storage = {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "s3"}}}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "CollectiveRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"tasks": [{"env": "reach-v3", "robot": "sawyer"}], "storage": storage},
    }


def a_job_of(run: JSONObject) -> JSONObject:
    """A Job that goes when the run goes."""
    owner = {key: run[key] for key in ("apiVersion", "kind")}
    owner |= {key: run["metadata"][key] for key in ("name", "uid")} | {"controller": True}
    metadata = {"name": "expert", "namespace": run["metadata"]["namespace"], "ownerReferences": [owner]}
    container = {"name": "trainer", "image": "trainer", "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": template},
    }
