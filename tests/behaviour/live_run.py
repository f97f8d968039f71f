"""A CollectiveRun on the real API server, as a person with kubectl sees and steers it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from testbed.cluster.small_cluster import SmallCluster
from testbed.waiting import eventually

JSONObject = dict[str, Any]

# Far more than anything takes: a machine that is busy with other things must not fail a test.
WAIT_SECONDS = 600.0
POLL_SECONDS = 0.25
FAULT = "testbed.collectiverl.io/fault"


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

    cluster: SmallCluster
    namespace: str
    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """`kubectl` in the run's namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    @property
    def selector(self) -> str:
        """Selects its Jobs and Pods."""
        return f"collectiverl.io/run={self.name}"

    @property
    def document(self) -> JSONObject:
        """The run as the API server has it."""
        document: JSONObject = json.loads(self.kubectl("get", "collectiverun", self.name, "--output", "json"))
        return document

    @property
    def status(self) -> JSONObject:
        """Its status; empty before the first is written."""
        status: JSONObject = self.document.get("status", {})
        return status

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return bool(self.kubectl("get", "crun", self.name, "--ignore-not-found", "--output", "name"))

    def printed(self, *options: str) -> dict[str, str]:
        """The row `kubectl get crun NAME` prints, by column."""
        return printed_table(self.kubectl("get", "crun", self.name, *options))[0]

    def described(self) -> str:
        """What `kubectl describe` prints."""
        return self.kubectl("describe", "crun", self.name)

    def jobs(self) -> list[JSONObject]:
        """Its Jobs, oldest attempt first."""
        return sorted(self._labelled("jobs"), key=lambda job: str(job["metadata"]["name"]))

    def job_names(self) -> list[str]:
        """Names of its Jobs."""
        return [job["metadata"]["name"] for job in self.jobs()]

    def pods(self) -> list[JSONObject]:
        """Its Pods."""
        return self._labelled("pods")

    def running_pods(self) -> list[str]:
        """Names of its Pods that have not ended."""
        live = (pod for pod in self.pods() if pod["status"].get("phase") not in ("Succeeded", "Failed"))
        return [pod["metadata"]["name"] for pod in live]

    def change(self, **spec: Any) -> None:
        """Patch its spec, as `kubectl edit` would."""
        patch = json.dumps({"spec": spec})
        self.kubectl("patch", "crun", self.name, "--type", "merge", "--patch", patch)

    def delete(self) -> None:
        """Delete it and wait until it is gone."""
        self.kubectl("delete", "crun", self.name, "--wait=true", "--ignore-not-found")

    def fault(self, pod: JSONObject, fault: str) -> None:
        """Let a Pod that runs meet a fault of the testbed, such as `oom`, `evict` or `exit-1`."""
        name = pod["metadata"]["name"]
        self.kubectl("annotate", "pod", name, f"{FAULT}={fault}", "--overwrite")

    def phase(self, name: str) -> JSONObject:
        """A phase's status."""
        return next(phase for phase in self.status["phases"] if phase["name"] == name)

    def member(self, index: int = 0, phase: str = "experts") -> JSONObject:
        """A member's status."""
        member: JSONObject = self.phase(phase)["members"][index]
        return member

    def condition(self, type_: str) -> tuple[str, str]:
        """A condition's status and reason."""
        found = next(entry for entry in self.status["conditions"] if entry["type"] == type_)
        return found["status"], found["reason"]

    def message(self, type_: str) -> str:
        """A condition's message."""
        found = next(entry for entry in self.status["conditions"] if entry["type"] == type_)
        return str(found["message"])

    def wait_for_state(self, state: str) -> JSONObject:
        """The status once it says so."""
        return self.wait(lambda status: status.get("state") == state, f"state {state}")

    def wait(
        self, is_met: Callable[[JSONObject], Any], what: str, seconds: float = WAIT_SECONDS
    ) -> JSONObject:
        """The status once it meets a condition."""
        seen: list[JSONObject] = []

        def look() -> JSONObject | None:
            seen[:] = [self.status]
            return seen[0] if is_met(seen[0]) else None

        found = eventually(look, lambda: f"{self.name}: {what}; last seen: {self._account(seen[0])}", seconds)
        assert found is not None
        return found

    def wait_for_member(self, phase: str = "experts", index: int = 0, **fields: Any) -> JSONObject:
        """A member's status once it has these fields, as it was then."""

        def member_of(status: JSONObject) -> JSONObject:
            found = [entry for entry in status.get("phases", []) if entry["name"] == phase]
            member: JSONObject = found[0]["members"][index] if found else {}
            return member

        what = f"{phase}[{index}] {fields}"
        return member_of(self.wait(lambda status: fields.items() <= member_of(status).items(), what))

    def wait_for_pod(self, attempt: int, phase: str = "experts") -> JSONObject:
        """The Pod of an attempt once its container runs."""
        marks = {"collectiverl.io/phase": phase, "collectiverl.io/attempt": str(attempt)}
        found: list[JSONObject] = []

        def runs() -> bool:
            pods = [pod for pod in self.pods() if marks.items() <= pod["metadata"]["labels"].items()]
            found[:] = [pod for pod in pods if pod["status"].get("phase") == "Running"]
            return bool(found)

        self.wait_until(runs, f"a running Pod of {phase}, attempt {attempt}")
        return found[0]

    def wait_until_nothing_is_left(self) -> None:
        """No Job and no Pod: those that have ended may outlast what the status says by a moment."""
        self.wait_until(lambda: not self.jobs() and not self.pods(), "its Jobs and Pods gone")

    def wait_until(self, is_met: Callable[[], Any], what: str) -> None:
        """Wait for something to become true."""
        eventually(is_met, lambda: f"{self.name}: {what}; last seen: {self._account()}", WAIT_SECONDS)

    def _labelled(self, kind: str) -> list[JSONObject]:
        text = self.kubectl("get", kind, "--selector", self.selector, "--output", "json")
        items: list[JSONObject] = json.loads(text)["items"]
        return items

    def _account(self, status: JSONObject | None = None) -> str:
        pods = self.kubectl("get", "jobs,pods", "--selector", self.selector)
        return f"{json.dumps(status if status is not None else self.status, indent=1)}\n{pods}"
