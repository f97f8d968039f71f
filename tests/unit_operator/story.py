"""A run's story, step by step: the simulated cluster, a clock, and rounds of the operator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from unit_operator.builders import HERE, NOON, a_body
from unit_operator.simulated_cluster import SimulatedCluster

from collectiverun_operator.api.conditions import DesiredCondition
from collectiverun_operator.api.run import Platform, parse_run
from collectiverun_operator.api.status_json import status_document
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.plan import CreateJob, DeleteJob, Plan, plan


class Story:
    """One run of one operator. Nothing happens unless a method says so."""

    def __init__(self, *, platform: Platform = HERE, **spec: Any) -> None:
        self.body = a_body(**spec)
        self.platform = platform
        self.cluster = SimulatedCluster()
        self.now = NOON
        self.refusal: DesiredCondition | None = None

    @property
    def status(self) -> JSONObject:
        """The status as written last."""
        status: JSONObject = self.body["status"]
        return status

    def plan(self) -> Plan:
        """What would be done now."""
        return plan(parse_run(self.body, self.platform), self.cluster.observe(), self.now, self.refusal)

    def planned_status(self) -> JSONObject:
        """The status that would be written now."""
        return status_document(self.plan().status)

    def round(self) -> Plan:
        """Plan, write, act; then the Job controller has its turn."""
        planned = self.plan()
        self.body["status"] = status_document(planned.status)
        for action in planned.actions:
            self.cluster.act(action, self.now)
        self.cluster.control(self.now)
        return planned

    def settle(self) -> Story:
        """Rounds until nothing changes any more without time or events."""
        for _ in range(50):
            self.round()
            after = self.plan()
            if status_document(after.status) == self.status and not after.actions:
                return self
        raise AssertionError(f"still restless after 50 rounds: {self.plan()}")

    def wait(self, seconds: float) -> Story:
        """Let time pass, then settle."""
        self.now += timedelta(seconds=seconds)
        return self.settle()

    def start(self) -> Story:
        """Every pending Pod starts."""
        for uid in self.pods("Pending"):
            self.cluster.start(uid)
        return self.settle()

    def succeed(self) -> Story:
        """Every Pod starts, publishes and ends."""
        self.start()
        for uid in self.pods("Running"):
            self.cluster.succeed(uid)
        return self._ended()

    def fail(self, status: JSONObject, *, count: int = 1) -> Story:
        """The first `count` Pods start and end so."""
        self.start()
        for uid in self.pods("Running")[:count]:
            self.cluster.end(uid, status)
        return self._ended()

    def change(self, **spec: Any) -> Story:
        """Somebody changes the spec."""
        self.body["spec"] |= spec
        self.body["metadata"]["generation"] += 1
        return self.settle()

    def finish(self) -> Story:
        """Everything succeeds until the run ends."""
        for _ in range(50):
            if self.status["state"] in ("Complete", "Failed"):
                return self
            self.succeed()
        raise AssertionError(f"not finished after 50 times success: {self.status}")

    def pods(self, phase: str) -> list[str]:
        """UIDs of the Pods in a phase, oldest first."""
        return [uid for uid, pod in self.cluster.pods.items() if pod["status"]["phase"] == phase]

    def phase(self, name: str) -> JSONObject:
        """A phase's status."""
        return next(phase for phase in self.status["phases"] if phase["name"] == name)

    def member(self, index: int = 0, phase: str = "experts") -> JSONObject:
        """A member's status."""
        member: JSONObject = self.phase(phase)["members"][index]
        return member

    def condition(self, name: str) -> tuple[str, str]:
        """A condition's status and reason."""
        found = next(entry for entry in self.status["conditions"] if entry["type"] == name)
        return found["status"], found["reason"]

    def message(self, name: str) -> str:
        """A condition's message."""
        found = next(entry for entry in self.status["conditions"] if entry["type"] == name)
        return str(found["message"])

    def _ended(self) -> Story:
        self.cluster.control(self.now)
        return self.settle()


def created(planned: Plan) -> list[str]:
    """Names of the Jobs a plan creates."""
    return [
        action.manifest["metadata"]["name"] for action in planned.actions if isinstance(action, CreateJob)
    ]


def deleted(planned: Plan) -> list[str]:
    """Names of the Jobs a plan deletes."""
    return [action.name for action in planned.actions if isinstance(action, DeleteJob)]
