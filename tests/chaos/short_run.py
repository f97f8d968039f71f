"""One run on a real API server, and the proof that nothing of it was done twice.

The proof is the API server's: its audit log says which Jobs were made, however often an operator died over
it, and every Pod is still there to be counted, unless the run asks for its Jobs to be removed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from support.live_run import FAULT, LiveRun
from support.namespace import Namespace
from support.run_bodies import run_body, tasks
from testbed import JSONObject
from testbed.cluster.example_run import s3_storage
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubelet.simulated_pod import SECONDS_ANNOTATION
from testbed.kubernetes.audit_log import created_jobs, deleted_jobs

NAME = "short"
PHASES = ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation")
MEMBERS = 5  # two experts, and one member in each of the three phases after them
CLEANED = {"cleanup": {"succeededJobs": "AfterPhase"}}
RETAINED = {"cleanup": {"succeededJobs": "Retain"}}


@dataclass(frozen=True)
class ShortRun(LiveRun):
    """A run of its own namespace."""

    is_held: bool = False

    @classmethod
    def begin(
        cls,
        cluster: SmallCluster,
        run_policy: JSONObject = RETAINED,
        pod_seconds: float = 1.0,
        *,
        held: bool = False,
    ) -> Self:
        """Apply a run of five members, whose Pods end by themselves, in a fresh namespace.

        The Pods of a `held` one end only when the test waits for a later phase, or for the run's end: what
        it does after it waited for a phase falls into that phase, however slow the test is.
        """
        annotations = {SECONDS_ANNOTATION: str(pod_seconds)} | ({FAULT: "hang"} if held else {})
        template = {"metadata": {"annotations": annotations}}
        return cls.apply(cluster, held, runPolicy=run_policy, podTemplate=template)

    @classmethod
    def apply(cls, cluster: SmallCluster, held: bool = False, **spec: Any) -> Self:
        """Apply a run of two experts and whatever else of its spec is given; nobody drives it yet."""
        namespace = Namespace.create_in(cluster, "chaos")
        base = {"tasks": tasks("reach", "door-close"), "storage": s3_storage(cluster.object_store)}
        namespace.apply(run_body(NAME, **base | spec))
        return cls(namespace, NAME, held)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, neither of the run nor of its Jobs; for one that is CLEANED."""
        return self.state == "Complete" and not self.jobs()

    def wait_for_phase(self, phase: str) -> None:
        """Until a member of the phase runs, or did and nobody saw it; of a held run all of them run then."""

        def is_there(status: JSONObject) -> bool:
            assert status.get("state") not in ("Failed", "Rejected"), json.dumps(status, indent=1)
            if not self.is_held:
                return any(state in ("Running", "Succeeded") for state in _states(status, phase))
            self.release_all(but=phase)
            return set(_states(status, phase)) == {"Running"}

        self.wait(is_there, f"{phase} runs")

    def faults(self) -> list[str]:
        """Sentences about what is not as if the run had been driven once and undisturbed; empty: nothing."""
        requests = self.namespace.requests()
        created = created_jobs(requests)
        # A server that is killed may have made a Job and not have written that down; one whose client is gone
        # writes that it failed (504). What was deleted was made.
        made = sorted({*created, *deleted_jobs(requests), *self.job_names()})
        found = [f"{MEMBERS} members got {len(made)} Jobs: {made}"] if len(made) != MEMBERS else []
        found += [f"Job {name} was made {count} times" for name, count in _repeated(created)]
        owners = (pod["metadata"]["labels"].get("job-name", "") for pod in self.pods())
        found += [f"Job {name} had {count} Pods" for name, count in _repeated(owners)]
        return found + list(_spent_attempts(self.status))


def _repeated(names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in Counter(names).items() if count > 1]


def _spent_attempts(status: JSONObject) -> Iterator[str]:
    for phase in status.get("phases", []):
        for member in phase["members"]:
            state, attempt = member["state"], member["attempt"]
            if (state, attempt) != ("Succeeded", 1):
                yield f"{phase['name']}/{member['name']} is {state} after attempt {attempt}"


def _states(status: JSONObject, phase: str) -> list[str]:
    found = (known for known in status.get("phases", []) if known["name"] == phase)
    return [member["state"] for known in found for member in known["members"]]
