"""The Jobs and Pods of runs on Kubernetes, seen through the cache; what an absence would decide is asked for.

Doing anything twice is harmless: a Job has one name for ever, and only the Job of a known UID is deleted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from collectiverun_operator.api import labels
from collectiverun_operator.api.pod_outcome import has_ended, is_finished
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.cache import Kind, ObjectCache
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.cluster.kubernetes.sweeper import Sweeper
from collectiverun_operator.errors import ClusterError, ConflictError, NameTakenError
from collectiverun_operator.json_types import JSONObject

# How the API server begins: that a Job is invalid, or that it can't even be read.
_JOB = re.compile(r'^Job\.batch "[^"]*" is invalid: |^Job in version "v1" cannot be handled as a Job: ')
_DENIED = "denied the request"  # how the API server words the verdict of an admission webhook


class KubernetesJobs:
    """The verbs of a cluster that are about Jobs and Pods."""

    def __init__(self, requests: KubernetesRequests, cache: ObjectCache) -> None:
        self._requests = requests
        self._cache = cache
        self._sweeper = Sweeper(self._delete_ended)
        # Jobs, by run, of which an ended Pod is known, or was asked for after they finished.
        self._explained: dict[str, set[str]] = {}

    async def jobs(self, run_uid: str) -> list[JSONObject]:
        """See `Cluster.jobs`; from the cache."""
        return self._cache.jobs(run_uid)

    async def job(self, namespace: str, name: str, run_uid: str) -> JSONObject | None:
        """See `Cluster.job`; from the server."""
        job = await self._requests.find(paths.job(namespace, name))
        if job is None or controller_uid(job) != run_uid:
            return None
        self._cache.put("Job", job)
        return job

    async def pods(self, run_uid: str) -> list[JSONObject]:
        """See `Cluster.pods`; from the cache, except how a finished Job ended if the cache does not know.

        Jobs and Pods are watched apart: the end of a Job may arrive before that of its Pod.
        """
        for job in self._unexplained(run_uid):
            await self._explain(job, run_uid)
        return self._cache.pods(run_uid)

    async def dry_run(self, manifest: JSONObject) -> str | None:
        """See `Cluster.dry_run`."""
        path = paths.jobs(manifest["metadata"]["namespace"])
        try:
            await self._requests.send("create", path, query={"dryRun": "All"}, body=manifest)
        except ClusterError as error:
            if error.code in (400, 422) or (error.code == 403 and _DENIED in error.sentence):
                return _template_sentence(error.sentence)
            if error.code not in (403, 409):
                raise
            # Rights and quota are not the template's fault; making the real Job will tell.
        return None

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
        cached = {pod["metadata"]["uid"] for pod in self._cache.pods(run_uid)}
        return any(uid not in cached and not self._cache.is_gone(uid) for uid in expected_pods)

    async def create_job(self, manifest: JSONObject) -> JSONObject:
        """See `Cluster.create_job`. Raises NameTakenError if the name is another owner's."""
        try:
            job = await self._requests.send(
                "create", paths.jobs(manifest["metadata"]["namespace"]), body=manifest
            )
        except ConflictError as error:
            job = await self._existing(manifest, error)
        self._cache.put("Job", job)
        return job

    async def delete_job(self, namespace: str, name: str, uid: str, *, is_finished: bool = False) -> None:
        """See `Cluster.delete_job`; a finished one is deleted in the background, at the sweeper's rate."""
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
            answer = await self._requests.send("delete", paths.job(namespace, name), body=body)
        except ClusterError as error:
            if error.code not in (404, 409):
                raise
            self._cache.discard_uid("Job", uid)
        else:
            if answer.get("kind") == "Job":
                self._cache.put("Job", answer)
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
            current = await self._requests.find(paths.pod(namespace, pod["metadata"]["name"]))
            if current is None:
                self._cache.discard("Pod", pod)
            else:
                self._cache.put("Pod", current)
        if not any(map(has_ended, self._pods_of(uid, run_uid))):
            await self._list("Pod", paths.pods(namespace), run_uid)
        self._explained[run_uid].add(uid)

    async def _list(self, kind: Kind, path: str, run_uid: str, **options: str) -> None:
        query = {"labelSelector": f"{labels.RUN_UID}={run_uid}"} | options
        answer = await self._requests.send("list", path, query=query)
        self._cache.replace(kind, run_uid, answer["items"], answer["metadata"].get("resourceVersion", ""))

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


def _template_sentence(sentence: str) -> str:
    """What is wrong with the Job, without its name, which is none a user knows, and without its bytes."""
    return _JOB.sub("", sentence).split(", error found in #", 1)[0]
