"""Runs of these tests and their first Jobs, whose Pods find no node: a test says what becomes of them."""

from __future__ import annotations

from typing import Any

from support.namespace import JSONObject, Namespace
from support.run_bodies import run_body
from testbed.waiting import eventually
from unit_operator.builders import an_order, phase_named

from collectiverun_operator.api.run import Platform, parse_run
from collectiverun_operator.jobs.manifest import job_manifest

# As an operator without GPUs to give; the image is one that the node has.
CPU_ONLY = Platform(local=False, image="collectiverun-trainer:0.1.0")
_NOWHERE = {"spec": {"nodeSelector": {"testbed.collectiverl.io/node": "nowhere"}}}


def create_run(namespace: Namespace, name: str = "demo", **spec: Any) -> JSONObject:
    """A run, as the API server has it. One with a Pod template of its own may find a node."""
    return namespace.create_object("collectiveruns", run_body(name, **{"podTemplate": _NOWHERE} | spec))


def manifest_of(run: JSONObject, *, attempt: int = 1, index: int = 0) -> JSONObject:
    """The manifest of a Job of a run's first phase: that of the first member, or of number `index`."""
    parsed = parse_run(run, CPU_ONLY)
    order = an_order(parsed, "experts", attempt=attempt, index=index)
    return job_manifest(parsed, phase_named("experts"), order, CPU_ONLY.image)


def pod_of(namespace: Namespace, job: JSONObject) -> JSONObject:
    """The Pod that the Job controller makes for a Job."""

    def look() -> JSONObject | None:
        owners = {pod["metadata"]["ownerReferences"][0]["uid"]: pod for pod in namespace.list("pods")}
        return owners.get(job["metadata"]["uid"])

    return eventually(look, "the Pod of a Job") or {}


def finished(namespace: Namespace, job: JSONObject) -> JSONObject:
    """The Job once its controller calls it finished."""

    def look() -> JSONObject | None:
        found = namespace.get("jobs", job["metadata"]["name"])
        types = {condition["type"] for condition in found["status"].get("conditions", [])}
        return found if types & {"Complete", "Failed"} else None

    return eventually(look, "the Job's end") or {}
