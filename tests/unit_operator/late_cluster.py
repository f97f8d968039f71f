"""A cluster of which an operator hears late: watch events that wait until a test delivers them.

What an operator makes of them is the real thing (`ObjectCache`, `KubernetesJobs`); faked are time and
lateness. That a real API server answers like this one is shown in `tests/kubernetes_cluster`.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from unit_operator.simulated_cluster import SimulatedCluster

from collectiverun_operator.cluster.kubernetes.cache import Kind, ObjectCache
from collectiverun_operator.cluster.kubernetes.jobs import KubernetesJobs
from collectiverun_operator.errors import ClusterError, ConflictError
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.plan import CreateJob


class LateServer:
    """The API server's side: answers requests at once and truly, and queues an event for every change."""

    def __init__(self, cluster: SimulatedCluster, clock: Callable[[], datetime]) -> None:
        self.cluster = cluster
        self.clock = clock
        self.events: dict[Kind, deque[tuple[str, JSONObject]]] = {"Job": deque(), "Pod": deque()}
        self._known: dict[Kind, dict[str, JSONObject]] = {"Job": {}, "Pod": {}}
        self._version = 0
        self._cached: tuple[dict[Kind, dict[str, JSONObject]], int] | None = None

    async def find(self, path: str) -> JSONObject | None:
        """GET."""
        self.note()
        kind: Kind = "Job" if "/jobs/" in path else "Pod"
        return copy.deepcopy(self._known[kind].get(path.rsplit("/", 1)[1]))

    async def send(self, verb: str, path: str, *, query: Any = None, body: Any = None) -> JSONObject:
        """LIST, POST and DELETE."""
        if verb == "list":
            return copy.deepcopy(self._list(path, is_cached=(query or {}).get("resourceVersion") == "0"))
        answer = {"create": self._create, "delete": self._delete}[verb]
        return copy.deepcopy(answer(path, body))

    def note(self) -> None:
        """A version and an event for everything that changed."""
        self._note("Job", self.cluster.jobs)
        self._note("Pod", {pod["metadata"]["name"]: self._owned(pod) for pod in self.cluster.pods.values()})

    def new_watch(self) -> None:
        """Events begin anew with what there is now."""
        self.note()
        for kind, known in self._known.items():
            self.events[kind] = deque(("ADDED", copy.deepcopy(body)) for body in known.values())

    def _note(self, kind: Kind, now: dict[str, JSONObject]) -> None:
        known = self._known[kind]
        for name in [name for name in known if name not in now]:
            self.events[kind].append(("DELETED", self._versioned(known.pop(name))))
        for name, body in now.items():
            if name not in known or _plain(known[name]) != body:
                known[name] = self._versioned(body)
                self.events[kind].append(("MODIFIED", copy.deepcopy(known[name])))

    def _versioned(self, body: JSONObject) -> JSONObject:
        self._version += 1
        body = copy.deepcopy(body)
        body["metadata"]["resourceVersion"] = str(self._version)
        return body

    def _owned(self, pod: JSONObject) -> JSONObject:
        """The Pod with its Job as controller; the simulation knows it by the name alone."""
        if "ownerReferences" not in pod["metadata"]:
            job = self.cluster.jobs[pod["metadata"]["name"].rsplit("-pod", 1)[0]]["metadata"]
            owner = {"kind": "Job", "name": job["name"], "uid": job["uid"], "controller": True}
            pod["metadata"] |= {"ownerReferences": [owner], "namespace": job["namespace"]}
        return pod

    def lag(self) -> None:
        """Its own cache stays as it is now."""
        self.note()
        self._cached = copy.deepcopy((self._known, self._version))

    def _list(self, path: str, *, is_cached: bool) -> JSONObject:
        self.note()
        kind: Kind = "Job" if path.endswith("/jobs") else "Pod"
        if is_cached and self._cached is not None:
            known, version = self._cached
            return {"items": list(known[kind].values()), "metadata": {"resourceVersion": str(version)}}
        return {
            "items": list(self._known[kind].values()),
            "metadata": {"resourceVersion": str(self._version)},
        }

    def _create(self, path: str, manifest: JSONObject) -> JSONObject:
        name = manifest["metadata"]["name"]
        if name in self.cluster.jobs:
            raise ConflictError(f"{name} already exists", code=409)
        self.cluster.act(CreateJob(manifest), self.clock())
        self.note()
        return self._known["Job"][name]

    def _delete(self, path: str, body: JSONObject) -> JSONObject:
        name, uid = path.rsplit("/", 1)[1], body["preconditions"]["uid"]
        job = self.cluster.jobs.get(name)
        if job is None or job["metadata"]["uid"] != uid:
            raise ClusterError("not found", code=404 if job is None else 409)
        self.cluster.delete_job(name, uid, self.clock())
        self.note()
        left = self._known["Job"].get(name)
        return {"kind": "Status"} if left is None else {"kind": "Job", **left}


class LateCluster(KubernetesJobs):
    """The operator's side, for the reconciler."""

    def __init__(self, server: LateServer) -> None:
        super().__init__(server, ObjectCache())  # type: ignore[arg-type]
        self.server = server

    async def progress(self, run_uid: str, *, is_awaited: bool = True) -> dict[str, JSONObject]:
        return {}

    async def write_status(self, run: JSONObject, status: JSONObject) -> JSONObject:
        return {**run, "status": copy.deepcopy(status)}

    def restart(self) -> None:
        """Another operator process: nothing is known, and the watches begin anew."""
        super().__init__(self.server, ObjectCache())  # type: ignore[arg-type]
        self.server.new_watch()

    def lose_sight(self, kind: Kind, run_uid: str) -> None:
        """The cache is wrong: it no longer has what is there."""
        self._cache._bodies.pop((kind, run_uid), None)

    def deliver(self, kind: Kind, count: int) -> None:
        """The next events of one watch arrive, in their order."""
        self.server.note()
        events = self.server.events[kind]
        for _ in range(min(count, len(events))):
            type_, body = events.popleft()
            (self._cache.discard if type_ == "DELETED" else self._cache.put)(kind, body)


def _plain(body: JSONObject) -> JSONObject:
    metadata = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
    return {**body, "metadata": metadata}
