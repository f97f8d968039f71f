"""What a kubelet says of a Pod, in Kubernetes' JSON shape. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testbed import JSONObject

ADDRESS = "127.0.0.1"


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
    def terminated(self) -> JSONObject | None:
        """How it ended, if it has."""
        return self.state.get("terminated")

    def document(self) -> JSONObject:
        """As an entry of containerStatuses."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": "" if "waiting" in self.state and not self.restarts else f"process://{self.image}",
            "ready": self.is_ready,
            "started": "running" in self.state,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
        }


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


def phase(restart_policy: str, containers: Sequence[ContainerState]) -> str:
    """Pending, Running, Succeeded or Failed."""
    ends = [container.terminated for container in containers]
    codes = [end["exitCode"] for end in ends if end is not None]
    if len(codes) == len(containers) and restart_policy != "Always":
        if not any(codes):
            return "Succeeded"
        if restart_policy == "Never":
            return "Failed"
    has_started = any("waiting" not in c.state or c.restarts for c in containers)
    return "Running" if has_started else "Pending"


def pod_status(pod: JSONObject, containers: Sequence[ContainerState], start_time: str) -> JSONObject:
    """The status to merge into the Pod's."""
    found = phase(pod["spec"].get("restartPolicy", "Always"), containers)
    return {
        "phase": found,
        "hostIP": ADDRESS,
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "startTime": start_time,
        "conditions": _conditions(found, containers, start_time),
        "containerStatuses": [container.document() for container in containers],
    }


def says_ready(status: JSONObject) -> bool:
    """Whether a status has the Pod ready."""
    conditions = status.get("conditions") or []
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def lost_containers(pod: JSONObject, time: str) -> JSONObject:
    """Status of a Pod that ran on this node before the node was lost: nothing is known of its containers."""
    message = "The container could not be located when the node came back"
    entries = [
        {**entry, "ready": False, "started": False, "state": _unknown(entry, time, message)}
        for entry in pod.get("status", {}).get("containerStatuses", [])
    ]
    return {"phase": "Failed", "containerStatuses": entries}


def evicted(message: str) -> JSONObject:
    """What an eviction adds to the status."""
    return {"phase": "Failed", "reason": "Evicted", "message": message}


def _unknown(entry: Mapping[str, Any], time: str, message: str) -> JSONObject:
    since = entry.get("state", {}).get("running", {}).get("startedAt", time)
    return terminated(137, since, time, "ContainerStatusUnknown", message)


def _conditions(phase: str, containers: Sequence[ContainerState], time: str) -> list[JSONObject]:
    is_ready = phase == "Running" and all(container.is_ready for container in containers)
    reason = {"Succeeded": "PodCompleted"}.get(phase, "" if is_ready else "ContainersNotReady")
    states = {"Initialized": True, "ContainersReady": is_ready, "Ready": is_ready}
    return [
        {"type": type_, "status": str(state), "reason": "" if state else reason, "lastTransitionTime": time}
        for type_, state in states.items()
    ]
