"""A CollectiveRun on a real API server, as people see and steer it, and its Pods' fates in a test's hands."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from testbed import JSONObject
from testbed.kubelet.faults import ANNOTATION as FAULT
from testbed.waiting import eventually

if TYPE_CHECKING:
    from support.namespace import Namespace

T = TypeVar("T")

# Far more than anything takes: a machine that is busy with other things must not fail a test.
WAIT_SECONDS = 600.0
# A Pod of a node of the testbed does nothing until it is released, or meets another fault.
HELD = {"metadata": {"annotations": {FAULT: "hang"}}}


def printed_table(text: str) -> list[dict[str, str]]:
    """Rows of what `kubectl get` prints, by column; a column may be empty."""
    head, *lines = text.rstrip("\n").split("\n")
    starts = [match.start() for match in re.finditer(r"(?:(?<=^)|(?<=  ))\S", head)]
    ends = [*starts[1:], None]
    spans = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    return [{head[span].strip(): line[span].strip() for span in spans} for line in lines]


@dataclass(frozen=True)
class LiveRun:
    """One run. Every wait ends with what the cluster showed last if it does not come true."""

    namespace: Namespace
    name: str

    @property
    def document(self) -> JSONObject:
        """The run as the API server has it."""
        return self.namespace.get("collectiveruns", self.name)

    @property
    def status(self) -> JSONObject:
        """Its status; empty before the first is written."""
        status: JSONObject = self.document.get("status", {})
        return status

    @property
    def state(self) -> str:
        """Its state; empty before the first is written."""
        return str(self.status.get("state", ""))

    @property
    def selector(self) -> str:
        """Selects its Jobs and Pods."""
        return f"collectiverl.io/run={self.name}"

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return self.namespace.find("collectiveruns", self.name) is not None

    def printed(self, *options: str) -> dict[str, str]:
        """The row `kubectl get crun NAME` prints, by column."""
        return printed_table(self.namespace.kubectl("get", "crun", self.name, *options))[0]

    def described(self) -> str:
        """What `kubectl describe` prints."""
        return self.namespace.kubectl("describe", "crun", self.name)

    def change(self, **spec: Any) -> None:
        """Patch its spec, as `kubectl edit` would."""
        patch = json.dumps({"spec": spec})
        self.namespace.kubectl("patch", "crun", self.name, "--type", "merge", "--patch", patch)

    def delete(self) -> None:
        """Delete it and wait until it is gone."""
        self.namespace.kubectl("delete", "crun", self.name, "--wait=true", "--ignore-not-found")

    def jobs(self, **labels: object) -> list[JSONObject]:
        """Its Jobs, oldest attempt first, those with labels such as `attempt=1`."""
        jobs = self.namespace.list("jobs", run=self.name, **labels)
        return sorted(jobs, key=lambda job: str(job["metadata"]["name"]))

    def job_names(self) -> list[str]:
        """Names of its Jobs."""
        return [job["metadata"]["name"] for job in self.jobs()]

    def pods(self, **labels: object) -> list[JSONObject]:
        """Its Pods, those with labels such as `attempt=1`."""
        return self.namespace.list("pods", run=self.name, **labels)

    def running_pods(self) -> list[str]:
        """Names of its Pods that have not ended."""
        live = (pod for pod in self.pods() if pod["status"].get("phase") not in ("Succeeded", "Failed"))
        return [pod["metadata"]["name"] for pod in live]

    def progress_steps(self, pod: str) -> list[int]:
        """Env steps of the progress lines in the log of a Pod that runs the trainer."""
        lines = map(json.loads, self.namespace.kubectl("logs", pod).splitlines())
        return [line["envSteps"] for line in lines if line["kind"] == "progress"]

    def fault(self, pod: JSONObject, fault: str | None) -> None:
        """Let a Pod that runs meet a fault of the testbed, such as `oom`, `evict` or `exit-1`."""
        self.namespace.patch("pods", pod["metadata"]["name"], {"metadata": {"annotations": {FAULT: fault}}})

    def release(self, pod: JSONObject) -> None:
        """Let a Pod that was held go on: one that is simulated succeeds."""
        self.fault(pod, None)

    def release_all(self, but: str = "") -> None:
        """Release all Pods that are held, those of a phase excepted."""
        for pod in self.pods():
            labels, annotations = (pod["metadata"].get(key, {}) for key in ("labels", "annotations"))
            if FAULT in annotations and labels["collectiverl.io/phase"] != but:
                self.release(pod)

    def finish(self, seconds: float = WAIT_SECONDS) -> None:
        """Release every Pod until the run is Complete."""

        def is_over(status: JSONObject) -> bool:
            self.release_all()
            return status.get("state") in ("Complete", "Failed")

        status = self.wait(is_over, "the end", seconds)
        assert status["state"] == "Complete", json.dumps(status, indent=1)

    def phase(self, name: str) -> JSONObject:
        """A phase's status."""
        return next(phase for phase in self.status["phases"] if phase["name"] == name)

    def member(self, index: int = 0, phase: str = "experts") -> JSONObject:
        """A member's status."""
        member: JSONObject = self.phase(phase)["members"][index]
        return member

    def condition(self, type_: str) -> tuple[str, str]:
        """A condition's status and reason."""
        found = self._condition(type_)
        return found["status"], found["reason"]

    def message(self, type_: str) -> str:
        """A condition's message."""
        return str(self._condition(type_)["message"])

    def events(self) -> list[tuple[str, str]]:
        """Reason and message of each Event about it, in order."""
        events = [e for e in self.namespace.list("events") if e["involvedObject"]["name"] == self.name]
        events.sort(key=lambda event: str(event["firstTimestamp"]))
        return [(event["reason"], event["message"]) for event in events]

    def wait_for_events(self, *reasons: str) -> list[str]:
        """Reasons of its Events once there are these: Events are posted beside the status."""

        def look() -> list[str]:
            found = [reason for reason, _ in self.events()]
            return found if not Counter(reasons) - Counter(found) else []

        return self.wait_until(look, f"Events {reasons}")

    def wait_for_event(self, reason: str) -> str:
        """Message of the only Event with this reason, once there is one."""
        self.wait_for_events(reason)
        (message,) = [message for found, message in self.events() if found == reason]
        return message

    def wait_for_state(self, state: str) -> JSONObject:
        """The status once it says so."""
        return self.wait(lambda status: status.get("state") == state, f"state {state}")

    def wait_for_condition(self, type_: str, reason: str, words: str = "") -> None:
        """Wait until a condition has this reason, and these words in its message."""

        def is_told(status: JSONObject) -> bool:
            found = [entry for entry in status.get("conditions", []) if entry["type"] == type_]
            return bool(found) and found[0]["reason"] == reason and words in found[0]["message"]

        self.wait(is_told, f"{type_} because of {reason}: {words}")

    def wait(
        self, is_met: Callable[[JSONObject], Any], what: str, seconds: float = WAIT_SECONDS
    ) -> JSONObject:
        """The status once it meets a condition."""

        def look() -> list[JSONObject]:
            status = self.status
            return [status] if is_met(status) else []

        return self.wait_until(look, what, seconds)[0]

    def wait_for_member(self, phase: str = "experts", index: int = 0, **fields: Any) -> JSONObject:
        """A member's status once it has these fields, as it was then."""

        def look() -> list[JSONObject]:
            phases = [found for found in self.status.get("phases", []) if found["name"] == phase]
            members = [found["members"][index] for found in phases]
            return [member for member in members if fields.items() <= member.items()]

        return self.wait_until(look, f"{phase}[{index}] {fields}")[0]

    def wait_for_pod(self, attempt: int = 1, phase: str = "experts", state: str = "Running") -> JSONObject:
        """A Pod of an attempt once its container runs, or it is in another state."""

        def look() -> list[JSONObject]:
            pods = self.pods(phase=phase, attempt=attempt)
            return [pod for pod in pods if pod["status"].get("phase") == state]

        return self.wait_until(look, f"a Pod of {phase}, attempt {attempt}, that is {state}")[0]

    def wait_until_nothing_is_left(self) -> None:
        """No Job and no Pod: those that have ended may outlast what the status says by a moment."""
        self.wait_until(lambda: not self.jobs() and not self.pods(), "its Jobs and Pods gone")

    def wait_until(self, look: Callable[[], T], what: str, seconds: float = WAIT_SECONDS) -> T:
        """What `look` returns as soon as that is true."""
        return eventually(look, lambda: f"{self.name}: {what}; last seen: {self._account()}", seconds)

    def _condition(self, type_: str) -> JSONObject:
        return next(entry for entry in self.status["conditions"] if entry["type"] == type_)

    def _account(self) -> str:
        pods = self.namespace.kubectl("get", "jobs,pods", "--selector", self.selector)
        return f"{json.dumps(self.status, indent=1)}\n{pods}\n{self.events()}"
