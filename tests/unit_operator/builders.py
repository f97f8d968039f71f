"""Builders of runs, Jobs and Pods: each test says only what matters to it."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from support.run_bodies import run_body

from collectiverun_operator.api.conditions import INVALID_SPEC, not_accepted
from collectiverun_operator.api.members import members_of
from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.run import CollectiveRun, Platform, StoredRun, parse_run
from collectiverun_operator.api.status_json import rejected_document
from collectiverun_operator.errors import Fault
from collectiverun_operator.formatting import format_time
from collectiverun_operator.jobs.manifest import job_manifest
from collectiverun_operator.jobs.phase_order import phase_order
from collectiverun_operator.plan.plan import reject
from collectiverun_trainer.config import unpacked

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
ROOT = "file:///data/runs"
DIGEST = "0123456789abcdef" * 4
HERE = Platform()
KUBERNETES = Platform(
    local=False, image="registry.example/trainer:1", resources={"limits": {"nvidia.com/gpu": 1}}
)


def later(seconds: float) -> datetime:
    """A moment after NOON."""
    return NOON + timedelta(seconds=seconds)


def a_body(*, metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A run file with one task and storage in a directory, and whatever of the spec is given."""
    return run_body(metadata={"generation": 1} | (metadata or {}), **{"storage": {"uri": ROOT}} | spec)


def a_run(*, status: dict[str, Any] | None = None, platform: Platform = HERE, **spec: Any) -> CollectiveRun:
    """A run read from `a_body`."""
    return parse_run(a_body(**spec) | {"status": status or {}}, platform)


def rejected(
    body: dict[str, Any], *faults: Fault, now: datetime = NOON, reason: str = INVALID_SPEC
) -> dict[str, Any]:
    """The status of a body that is rejected with these faults."""
    stored = StoredRun.read(body)
    return rejected_document(
        reject(stored.status, stored.generation, not_accepted(reason, list(map(str, faults))), now),
        body.get("status") or {},
    )


def phase_named(name: str) -> Any:
    """A phase by its name."""
    return next(phase for phase in PHASES if phase.name == name)


def an_order(
    run: CollectiveRun, phase: str, *, attempt: int = 1, index: int = 0, **inputs: Any
) -> dict[str, Any]:
    """The phase order of a phase's member number `index`."""
    described = phase_named(phase)
    return phase_order(
        run, "file:///root", described, members_of(run.spec, described)[index], attempt, inputs
    )


def a_manifest(run: CollectiveRun, phase: str, *, attempt: int = 1, index: int = 0) -> dict[str, Any]:
    """The Job manifest of a phase's member number `index`."""
    return job_manifest(run, phase_named(phase), an_order(run, phase, attempt=attempt, index=index), "image")


def a_job(manifest: dict[str, Any], uid: str = "job-1", **status: Any) -> dict[str, Any]:
    """The Job a server makes of a manifest."""
    job = copy.deepcopy(manifest)
    job["metadata"] |= {"uid": uid, "creationTimestamp": format_time(NOON)}
    return job | {"status": status}


def a_pod(job: dict[str, Any], uid: str = "pod-1", created: datetime = NOON, **status: Any) -> dict[str, Any]:
    """A Pod of a Job, by default one that has not started."""
    template = job["spec"]["template"]
    metadata = {
        "name": f"{job['metadata']['name']}-{uid}",
        "uid": uid,
        "creationTimestamp": format_time(created),
    }
    return {
        "metadata": metadata | {"labels": template["metadata"]["labels"]},
        "spec": template["spec"] | {"nodeName": "node-1"},
        "status": {"phase": "Pending"} | status,
    }


def running() -> dict[str, Any]:
    """Pod status: its container runs."""
    return {"phase": "Running"} | _container({"running": {"startedAt": format_time(NOON)}})


def ended(code: int, message: str = "", reason: str | None = None, **more: Any) -> dict[str, Any]:
    """Pod status: its container ended with an exit code."""
    said = reason or ("Completed" if code == 0 else "Error")
    terminated = {"exitCode": code, "reason": said, "message": message}
    return {"phase": "Failed" if code else "Succeeded"} | _container({"terminated": terminated}) | more


def disrupted(reason: str) -> dict[str, Any]:
    """Part of a Pod status: the cluster took the Pod away."""
    return {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": reason}]}


def a_result(uri: str, **more: Any) -> str:
    """A phase result that publishes an artifact."""
    figures = {"anyStep": 0.9, "atEnd": 0.8}
    document = {"exitCode": 0, "reason": "Succeeded", "uri": uri, "manifestSha256": DIGEST, "envSteps": 1000}
    return json.dumps(document | {"success": figures} | more)


def artifact_uri(job: dict[str, Any], pod_uid: str = "pod-1") -> str:
    """Where a Job's Pod publishes."""
    order = order_of(job)
    return f"{order['memberUri']}/attempt-{order['attempt']}/{pod_uid[:8]}"


def order_of(job: dict[str, Any]) -> dict[str, Any]:
    """The phase order in a Job."""
    variables = {entry["name"]: entry.get("value") for entry in trainer_of(job)["env"]}
    order: dict[str, Any] = json.loads(unpacked(variables["COLLECTIVERUN_PHASE_ORDER"]))
    return order


def trainer_of(job: dict[str, Any]) -> dict[str, Any]:
    """A Job's container `trainer`."""
    containers = job["spec"]["template"]["spec"]["containers"]
    return next(container for container in containers if container["name"] == "trainer")


def _container(state: dict[str, Any]) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "trainer", "state": state}]}
