"""One run on a real API server, and the proof that nothing of it was done twice.

The proof is the API server's: its audit log says which Jobs were made, however often an operator died over
it, and every Pod is still there to be counted, unless the run asks for its Jobs to be removed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from chaos import direct_requests
from testbed.cluster.small_cluster import SECRET, SmallCluster
from testbed.kubelet.faults import ANNOTATION as FAULT_ANNOTATION
from testbed.kubelet.simulated_pod import SECONDS_ANNOTATION
from testbed.kubernetes.audit_log import Request, created_jobs, read_audit
from testbed.object_store import BUCKET, REGION

from collectiverun_operator.api.labels import PHASE
from collectiverun_operator.api.run import API_VERSION, KIND

JSONObject = dict[str, Any]

NAME = "short"
PHASES = ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation")
MEMBERS = 5  # two experts, and one member in each of the three phases after them
LIMIT_SECONDS = 600.0
FINISHED = ("Complete", "Failed", "Rejected")
CLEANED = {"cleanup": {"succeededJobs": "AfterPhase"}}
RETAINED = {"cleanup": {"succeededJobs": "Retain"}}


@dataclass(frozen=True)
class ShortRun:
    """A run of its own namespace."""

    cluster: SmallCluster
    namespace: str
    is_held: bool = False

    @classmethod
    def begin(
        cls,
        cluster: SmallCluster,
        run_policy: JSONObject = RETAINED,
        pod_seconds: float = 1.0,
        *,
        held: bool = False,
    ) -> ShortRun:
        """Apply a run of five members, whose Pods end by themselves, in a fresh namespace.

        The Pods of a `held` one end only when the test waits for a later phase, or for the run's end: what
        it does after it waited for a phase falls into that phase, however slow the test is.
        """
        annotations = {SECONDS_ANNOTATION: str(pod_seconds)} | ({FAULT_ANNOTATION: "hang"} if held else {})
        template = {"metadata": {"annotations": annotations}}
        run = cls.apply(cluster, runPolicy=run_policy, podTemplate=template)
        return replace(run, is_held=held)

    @classmethod
    def apply(cls, cluster: SmallCluster, **spec: Any) -> ShortRun:
        """Apply a run of two experts and whatever else of its spec is given; nobody drives it yet."""
        run = cls(cluster, cluster.namespace("chaos"))
        cluster.apply(_body(cluster, spec), namespace=run.namespace)
        return run

    @property
    def document(self) -> JSONObject:
        """The run as the API server has it."""
        return self._read(f"/apis/{API_VERSION}/namespaces/{self.namespace}/collectiveruns/{NAME}")

    @property
    def status(self) -> JSONObject:
        """Its status; empty before there is one."""
        status: JSONObject = self.document.get("status", {})
        return status

    @property
    def jobs(self) -> list[JSONObject]:
        """The Jobs that are there."""
        return list(self._read(f"/apis/batch/v1/namespaces/{self.namespace}/jobs")["items"])

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, neither of the run nor of its Jobs; for one that is CLEANED."""
        return self.status.get("state") == "Complete" and not self.jobs

    def requests(self) -> list[Request]:
        """All that was asked of the API server in the run's namespace."""
        return list(read_audit(self.cluster.audit_log, self.namespace))

    def wait_for_phase(self, phase: str) -> None:
        """Until a member of the phase runs, or did and nobody saw it; of a held run all of them run then."""

        def look() -> bool:
            self._let_end(but=phase)
            status = self.status
            assert status.get("state") not in ("Failed", "Rejected"), json.dumps(status, indent=1)
            return _all_run(status, phase) if self.is_held else _is_running_or_over(status, phase)

        self.cluster.wait_for(f"{phase} runs", look, LIMIT_SECONDS)

    def wait_until_complete(self) -> None:
        """Until it is finished; AssertionError with its status if it is not Complete then."""

        def look() -> bool:
            self._let_end()
            return self.status.get("state") in FINISHED

        self.cluster.wait_for("the run is finished", look, LIMIT_SECONDS)
        assert self.status["state"] == "Complete", json.dumps(self.status, indent=1)

    def faults(self) -> list[str]:
        """Sentences about what is not as if the run had been driven once and undisturbed; empty: nothing."""
        created = created_jobs(self.requests())
        found = [
            f"Job {name} was made {count} times" for name, count in Counter(created).items() if count > 1
        ]
        # A server that is killed may have made a Job and not have written that down.
        made = sorted({*created, *(job["metadata"]["name"] for job in self.jobs)})
        if len(made) != MEMBERS:
            found.append(f"{MEMBERS} members got {len(made)} Jobs: {made}")
        found += self._surplus_pods()
        return found + list(_spent_attempts(self.status))

    def _read(self, path: str) -> JSONObject:
        return direct_requests.read(self.cluster.control_plane, path)

    @property
    def _pods(self) -> list[JSONObject]:
        """The Pods that are there."""
        return list(self._read(f"/api/v1/namespaces/{self.namespace}/pods")["items"])

    def _let_end(self, but: str = "") -> None:
        """No longer hold Pods of a held run, those of one phase excepted."""
        for pod in self._pods if self.is_held else ():
            metadata = pod["metadata"]
            if metadata["labels"][PHASE] != but and FAULT_ANNOTATION in metadata["annotations"]:
                path = f"/api/v1/namespaces/{self.namespace}/pods/{metadata['name']}"
                direct_requests.annotate(self.cluster.control_plane, path, {FAULT_ANNOTATION: None})

    def _surplus_pods(self) -> Iterator[str]:
        """Of the Pods that are still there."""
        for name, count in _repeated(pod["metadata"]["labels"].get("job-name", "") for pod in self._pods):
            yield f"Job {name} had {count} Pods"


def _repeated(names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in Counter(names).items() if count > 1]


def _spent_attempts(status: JSONObject) -> Iterator[str]:
    for phase in status.get("phases", []):
        for member in phase["members"]:
            state, attempt = member["state"], member["attempt"]
            if (state, attempt) != ("Succeeded", 1):
                yield f"{phase['name']}/{member['name']} is {state} after attempt {attempt}"


def _is_running_or_over(status: JSONObject, phase: str) -> bool:
    return any(state in ("Running", "Succeeded") for state in _states(status, phase))


def _all_run(status: JSONObject, phase: str) -> bool:
    states = _states(status, phase)
    return bool(states) and set(states) == {"Running"}


def _states(status: JSONObject, phase: str) -> list[str]:
    found = (known for known in status.get("phases", []) if known["name"] == phase)
    return [member["state"] for known in found for member in known["members"]]


def _body(cluster: SmallCluster, spec: JSONObject) -> JSONObject:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": NAME},
        "spec": {
            "tasks": [{"env": "reach-v3"}, {"env": "door-close-v3"}],
            "storage": {
                "uri": f"s3://{BUCKET}/chaos",
                "endpoint": cluster.object_store.endpoint,
                "region": REGION,
                "insecure": True,
                "credentials": {"secretRef": {"name": SECRET}},
            },
            **spec,
        },
    }
