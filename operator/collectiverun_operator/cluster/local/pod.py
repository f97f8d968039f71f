"""Jobs and Pods on this machine: Kubernetes JSON, created and updated as API server and kubelet do. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collectiverun_operator.api.pod_template import CONTAINER
from collectiverun_operator.formatting import format_time, parse_time
from collectiverun_operator.jobs.manifest import ORDER_VARIABLE
from collectiverun_operator.json_types import JSONObject
from collectiverun_trainer.config import unpacked

DEFAULT_GRACE_SECONDS = 30
START_ERROR_CODE = 128
INVALID_CODE = 3
KILLED_CODE = 137


@dataclass(frozen=True)
class Ending:
    """How a container ended, as a kubelet reports it. `disruption`: DisruptionTarget's reason and message."""

    exit_code: int
    reason: str
    message: str = ""
    signal: int | None = None
    disruption: tuple[str, str] | None = None


def cannot_start(error: OSError | ValueError) -> Ending:
    """The ending of a container that can't be started (OSError) or needs a cluster (ValueError)."""
    if isinstance(error, ValueError):
        return Ending(INVALID_CODE, "InvalidConfiguration", str(error))
    return Ending(START_ERROR_CODE, "StartError", str(error))


def out_of_memory(message: str, used_bytes: int, limit_bytes: int | None) -> Ending:
    """The ending of a container that was killed for its memory; its last line names use and limit."""
    used, limit = (f"{(count or 0) / 2**20:.0f}Mi" for count in (used_bytes, limit_bytes))
    told = f"its processes used {used} of memory; resources.limits.memory is {limit}"
    return Ending(KILLED_CODE, "OOMKilled", f"{message}\n{told}".strip(), 9)


def timestamp(time: float) -> str:
    """Unix seconds in Kubernetes' format (UTC, whole seconds)."""
    return format_time(datetime.fromtimestamp(time, UTC))


def new_job(manifest: JSONObject, uid: str, now: float) -> JSONObject:
    """The Job that an API server creates from a manifest."""
    job = deepcopy(manifest)
    job["metadata"] |= {"uid": uid, "creationTimestamp": timestamp(now)}
    job["status"] = {"active": 1, "startTime": timestamp(now)}
    return job


def new_pod(job: JSONObject, uid: str, now: float) -> JSONObject:
    """The Pod that a Job's controller creates."""
    template = deepcopy(job["spec"]["template"])
    name, job_uid = job["metadata"]["name"], job["metadata"]["uid"]
    labels = template.get("metadata", {}).get("labels", {})
    of_job = {"batch.kubernetes.io/job-name": name, "batch.kubernetes.io/controller-uid": job_uid}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job_uid, "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-{uid[:5]}",
            "namespace": job["metadata"].get("namespace", "default"),
            "uid": uid,
            "labels": labels | of_job,
            "ownerReferences": [owner],
            "creationTimestamp": timestamp(now),
        },
        "spec": template["spec"],
        "status": {"phase": "Pending", "conditions": []},
    }


def trainer_container(pod: JSONObject) -> JSONObject:
    """Container `trainer`, else the first."""
    containers: Sequence[JSONObject] = pod["spec"]["containers"]
    return next((container for container in containers if container.get("name") == CONTAINER), containers[0])


def phase_order(pod: JSONObject) -> JSONObject:
    """The phase order the container is given; empty if it has none."""
    for entry in trainer_container(pod).get("env", []):
        if entry["name"] == ORDER_VARIABLE:
            order: JSONObject = json.loads(unpacked(entry["value"]))
            return order
    return {}


def grace_seconds(pod: JSONObject) -> float:
    """Seconds between SIGTERM and SIGKILL."""
    return float(pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))


def environment(pod: JSONObject) -> dict[str, str]:
    """The container's `env`. Raises ValueError for a value that only a cluster can resolve."""
    metadata = pod["metadata"]
    fields = {f"metadata.{name}": metadata[name] for name in ("uid", "name", "namespace")}
    variables: dict[str, str] = {}
    for entry in trainer_container(pod).get("env", []):
        source = entry.get("valueFrom")
        path = source.get("fieldRef", {}).get("fieldPath", "") if source else ""
        if source and path not in fields:
            raise ValueError(
                f"variable {entry['name']!r} takes its value from {source!r}, which only a cluster has"
            )
        variables[entry["name"]] = fields[path] if source else str(entry.get("value", ""))
    return variables


def set_condition(
    pod: JSONObject, kind: str, status: str, now: float, reason: str = "", message: str = ""
) -> bool:
    """Set a condition in a Pod's status; whether anything changed."""
    conditions: list[JSONObject] = pod["status"]["conditions"]
    old = next((condition for condition in conditions if condition["type"] == kind), None)
    new = {"type": kind, "status": status, "reason": reason, "message": message}
    if old and {key: old[key] for key in new} == new:
        return False
    if old:
        conditions.remove(old)
    conditions.append(new | {"lastTransitionTime": timestamp(now)})
    return True


def set_waiting(pod: JSONObject, reason: str, now: float) -> bool:
    """Mark the Pod as waiting for cores or GPUs; whether anything changed."""
    return set_condition(pod, "PodScheduled", "False", now, "Unschedulable", reason)


def set_running(pod: JSONObject, now: float) -> None:
    """Mark the Pod's container as running."""
    set_condition(pod, "PodScheduled", "True", now)
    pod["status"] |= {"phase": "Running", "startTime": timestamp(now)}
    _set_container_state(pod, {"running": {"startedAt": timestamp(now)}})


def set_ended(job: JSONObject, pod: JSONObject, ending: Ending, started: float | None, now: float) -> None:
    """Mark the Pod's container as ended, and its Job as finished."""
    terminated: JSONObject = {
        "exitCode": ending.exit_code,
        "reason": ending.reason,
        "message": ending.message,
        "startedAt": timestamp(now if started is None else started),
        "finishedAt": timestamp(now),
    }
    if ending.signal is not None:
        terminated["signal"] = ending.signal
    succeeded = ending.exit_code == 0
    pod["status"]["phase"] = "Succeeded" if succeeded else "Failed"
    _set_container_state(pod, {"terminated": terminated})
    if ending.disruption:
        set_condition(pod, "DisruptionTarget", "True", now, *ending.disruption)
    job["status"] |= {"active": 0, "succeeded": int(succeeded), "failed": int(not succeeded)}
    job["status"]["conditions"] = [_job_condition(succeeded, now)]


def set_deleted(document: JSONObject, now: float, grace: float) -> None:
    """Mark a Job or Pod as terminating. As in Kubernetes the time includes the grace period (seconds)."""
    moment = timestamp(now + int(grace))
    document["metadata"] |= {"deletionTimestamp": moment, "deletionGracePeriodSeconds": int(grace)}


def set_later(document: JSONObject, seconds: float) -> None:
    """Move the times from which waiting for a Job or Pod is counted: the clock jumped by so much."""
    for name in ("creationTimestamp", "deletionTimestamp"):
        moment = parse_time(document["metadata"].get(name))
        if moment is not None:
            document["metadata"][name] = format_time(moment + timedelta(seconds=round(seconds)))


def is_deleted(document: JSONObject) -> bool:
    """Whether it is terminating."""
    return "deletionTimestamp" in document["metadata"]


def _set_container_state(pod: JSONObject, state: JSONObject) -> None:
    container = trainer_container(pod)
    pod["status"]["containerStatuses"] = [
        {
            "name": container.get("name", CONTAINER),
            "image": container.get("image", ""),
            "ready": "running" in state,
            "restartCount": 0,
            "state": state,
        }
    ]


def _job_condition(succeeded: bool, now: float) -> JSONObject:
    outcome = ("Complete", "CompletionsReached") if succeeded else ("Failed", "BackoffLimitExceeded")
    return {"type": outcome[0], "status": "True", "reason": outcome[1], "lastTransitionTime": timestamp(now)}
