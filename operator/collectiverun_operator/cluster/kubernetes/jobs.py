"""The Jobs and Pods of runs on Kubernetes, seen through the cache; what an absence would decide is asked for.

Doing anything twice is harmless: a Job has one name for ever, and only the Job of a known UID is deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from collectiverun_operator.api import labels
from collectiverun_operator.api.pod_outcome import has_ended, is_finished
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.cache import Kind, ObjectCache
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.cluster.kubernetes.sweeper import Sweeper
from collectiverun_operator.errors import ClusterError, ConflictError, NameTakenError

JSONObject = dict[str, Any]


class KubernetesJobs:
    """Jobs and Pods by run, and the Jobs' making and deleting."""

    def __init__(self, requests: KubernetesRequests, cache: ObjectCache) -> None:
        self._requests = requests
        self._cache = cache
        self._sweeper = Sweeper(self._delete_ended)
        # Jobs, by run, of which an ended Pod is known, or was asked for after they finished.
        self._explained: dict[str, set[str]] = {}

    def jobs(self, run_uid: str) -> list[JSONObject]:
        """What the cache shows."""
        return self._cache.jobs(run_uid)

    async def job(self, namespace: str, name: str, run_uid: str) -> JSONObject | None:
        """The Job as the server has it; None if there is none or it is not this run's."""
        job = await self._requests.find(paths.job(namespace, name))
        if job is None or controller_uid(job) != run_uid:
            return None
        self._cache.put("Job", job)
        return job

    async def pods(self, run_uid: str) -> list[JSONObject]:
        """What the cache shows, but how a finished Job ended is asked for if the cache does not know.

        Jobs and Pods are watched apart: that a Job has ended may be heard of before how its Pod did.
        """
        for job in self._unexplained(run_uid):
            await self._explain(job, run_uid)
        return self._cache.pods(run_uid)

    async def refresh(self, namespace: str, run_uid: str, expected_pods: Collection[str] = ()) -> None:
        """Ask for everything that bears the run's label; the cache holds that instead of what it held.

        The API server answers out of its own cache: from its database it would read every Job and every Pod
        of the namespace, to leave all but this run's out. That may be of an earlier moment, so its database
        is asked where it lacks one of `expected_pods`, UIDs of Pods that were there before.
        """
        await self._list("Job", paths.jobs(namespace), run_uid, resourceVersion="0")
        await self._list("Pod", paths.pods(namespace), run_uid, resourceVersion="0")
        if self.lacks(run_uid, expected_pods):
            await self._list("Pod", paths.pods(namespace), run_uid)

    def lacks(self, run_uid: str, expected_pods: Collection[str]) -> bool:
        """Whether the cache lacks one of these Pods, though nobody has told that it is gone."""
        known = {pod["metadata"]["uid"] for pod in self._cache.pods(run_uid)}
        return any(uid not in known and not self._cache.is_gone(uid) for uid in expected_pods)

    async def create(self, manifest: JSONObject) -> JSONObject:
        """The Job as made, or as it is there already. Raises NameTakenError if it is another owner's."""
        try:
            job = await self._requests.send(
                "create", paths.jobs(manifest["metadata"]["namespace"]), body=manifest
            )
        except ConflictError as error:
            job = await self._existing(manifest, error)
        self._cache.put("Job", job)
        return job

    async def delete(self, namespace: str, name: str, uid: str, *, is_finished: bool) -> None:
        """Delete the Job of this UID, its Pods first; one that is finished soon. None there is success."""
        if is_finished:
            self._sweeper.add(namespace, name, uid)
        else:
            await self._delete(namespace, name, uid, "Foreground")

    async def close(self) -> None:
        """End what is done beside the rounds."""
        await self._sweeper.close()

    async def _delete_ended(self, namespace: str, name: str, uid: str) -> None:
        """There is no Pod to wait for: the Job goes with one write, and those who watch hear of it once."""
        await self._delete(namespace, name, uid, "Background")

    async def _delete(self, namespace: str, name: str, uid: str, policy: str) -> None:
        body = {"propagationPolicy": policy, "preconditions": {"uid": uid}}
        try:
            left = await self._requests.send("delete", paths.job(namespace, name), body=body)
        except ClusterError as error:
            if error.code not in (404, 409):
                raise
            self._cache.discard_uid("Job", uid)
        else:
            if left.get("kind") == "Job":
                self._cache.put("Job", left)
            else:
                self._cache.discard_uid("Job", uid)

    def forget(self, run_uid: str) -> None:
        """The run is gone."""
        self._cache.forget(run_uid)
        self._explained.pop(run_uid, None)

    async def _existing(self, manifest: JSONObject, error: ConflictError) -> JSONObject:
        """The Job that is there already, if it is this run's."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        job = await self._requests.find(paths.job(namespace, name))
        if job is None:
            raise error  # it went meanwhile: the next round makes it
        if controller_uid(job) != controller_uid(manifest):
            text = (
                f"Job {namespace}/{name} is needed for a run, but there is one already that is not this run's"
            )
            raise NameTakenError(f"{text}; delete it, or give the run another name", code=409)
        return job

    async def _explain(self, job: JSONObject, run_uid: str) -> None:
        """Ask how a finished Job's Pods ended: for those that are known by name, else for the run's."""
        namespace, uid = job["metadata"]["namespace"], job["metadata"]["uid"]
        for pod in self._pods_of(uid, run_uid):
            found = await self._requests.find(paths.pod(namespace, pod["metadata"]["name"]))
            if found is None:
                self._cache.discard("Pod", pod)
            else:
                self._cache.put("Pod", found)
        if not any(map(has_ended, self._pods_of(uid, run_uid))):
            await self._list("Pod", paths.pods(namespace), run_uid)
        self._explained[run_uid].add(uid)

    async def _list(self, kind: Kind, path: str, run_uid: str, **options: str) -> None:
        query = {"labelSelector": f"{labels.RUN_UID}={run_uid}"} | options
        found = await self._requests.send("list", path, query=query)
        self._cache.replace(kind, run_uid, found["items"], found["metadata"].get("resourceVersion", ""))

    def _pods_of(self, job_uid: str, run_uid: str) -> list[JSONObject]:
        return [pod for pod in self._cache.pods(run_uid) if controller_uid(pod) == job_uid]

    def _unexplained(self, run_uid: str) -> list[JSONObject]:
        """Finished Jobs of which no ended Pod was ever known, though nobody has asked since."""
        explained = self._explained.setdefault(run_uid, set())
        explained |= {controller_uid(pod) for pod in self._cache.pods(run_uid) if has_ended(pod)}
        finished = (job for job in self._cache.jobs(run_uid) if is_finished(job))
        return [job for job in finished if job["metadata"]["uid"] not in explained]


def controller_uid(body: Mapping[str, Any]) -> str:
    """UID of a Job's run, or of a Pod's Job; empty if nothing controls it."""
    owners = body["metadata"].get("ownerReferences") or []
    return next((str(owner.get("uid")) for owner in owners if owner.get("controller")), "")
