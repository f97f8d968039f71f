"""What a kubelet reports of a Pod, in Kubernetes' JSON shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from testbed import JSONObject

ADDRESS = "127.0.0.1"
EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
"""What an eviction adds to the status."""
_KILLED_CODE = 137


@dataclass
class ContainerState:
    """One container as it stands."""

    name: str
    image: str
    state: JSONObject = field(default_factory=lambda: waiting("ContainerCreating"))
    last_state: JSONObject = field(default_factory=dict)
    restarts: int = 0
    is_ready: bool = False

    @property
    def exit_code(self) -> int | None:
        """How it ended, if it has."""
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code

    @property
    def has_started(self) -> bool:
        """Whether it ever has."""
        return "waiting" not in self.state or self.restarts > 0

    def document(self) -> JSONObject:
        """As an entry of containerStatuses."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": f"process://{self.image}" if self.has_started else "",
            "ready": self.is_ready,
            "started": "running" in self.state,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
        }


def now() -> str:
    """This moment as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(reason: str, message: str = "") -> JSONObject:
    """State of a container that has not started."""
    return {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}


def running(since: str) -> JSONObject:
    """State of a container that runs."""
    return {"running": {"startedAt": since}}


def terminated(code: int, since: str, until: str, reason: str = "", message: str = "") -> JSONObject:
    """State of a container that has ended."""
    ended = {
        "exitCode": code,
        "reason": reason or ("Completed" if code == 0 else "Error"),
        "startedAt": since,
        "finishedAt": until,
    }
    return {"terminated": ended | ({"message": message} if message else {})}


def pod_status(pod: JSONObject, containers: Sequence[ContainerState], start_time: str) -> JSONObject:
    """The status to merge into the Pod's."""
    phase = _phase(pod["spec"].get("restartPolicy", "Always"), containers)
    return {
        "phase": phase,
        "hostIP": ADDRESS,
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "startTime": start_time,
        "conditions": _conditions(phase, containers, start_time),
        "containerStatuses": [container.document() for container in containers],
    }


def is_true(condition: str, status: JSONObject) -> bool:
    """Whether a status, of a Pod or a node, has this condition."""
    conditions = status.get("conditions") or []
    return any(entry["type"] == condition and entry["status"] == "True" for entry in conditions)


def lost_containers(pod: JSONObject) -> JSONObject:
    """Status of a Pod that ran on this node before the node was lost: nothing is known of its containers."""
    message = "The container could not be located when the node came back"
    entries = []
    for entry in pod.get("status", {}).get("containerStatuses", []):
        since = entry.get("state", {}).get("running", {}).get("startedAt", now())
        state = terminated(_KILLED_CODE, since, now(), "ContainerStatusUnknown", message)
        entries.append({**entry, "ready": False, "started": False, "state": state})
    return {"phase": "Failed", "containerStatuses": entries}


def _phase(restart_policy: str, containers: Sequence[ContainerState]) -> str:
    codes = [container.exit_code for container in containers]
    if None not in codes and restart_policy != "Always":
        if not any(codes):
            return "Succeeded"
        if restart_policy == "Never":
            return "Failed"
    return "Running" if any(container.has_started for container in containers) else "Pending"


def _conditions(phase: str, containers: Sequence[ContainerState], time: str) -> list[JSONObject]:
    is_ready = phase == "Running" and all(container.is_ready for container in containers)
    reason = {"Succeeded": "PodCompleted"}.get(phase, "" if is_ready else "ContainersNotReady")
    states = {"Initialized": True, "ContainersReady": is_ready, "Ready": is_ready}
    return [
        {"type": type_, "status": str(state), "reason": "" if state else reason, "lastTransitionTime": time}
        for type_, state in states.items()
    ]
