"""The Jobs and Pods of runs on Kubernetes, through the cache; before an absence matters, the server is asked.

Everything may be done twice: an attempt's Job always has the same name, and a Job is deleted by its UID.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from collectiverun_operator.api import labels
from collectiverun_operator.api.outcome import Holdup
from collectiverun_operator.api.pod_outcome import has_ended, is_finished
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.cache import Kind, ObjectCache, run_uid_of
from collectiverun_operator.cluster.kubernetes.holdups import KubernetesHoldups
from collectiverun_operator.cluster.kubernetes.requests import MERGE_PATCH, METADATA_LIST, KubernetesRequests
from collectiverun_operator.cluster.kubernetes.sweeper import Lot, Sweeper, Swept
from collectiverun_operator.errors import ClusterError, ConflictError, NameTakenError
from collectiverun_operator.json_types import JSONObject

# Prefixes of the API server's message if a Job is invalid or can't be parsed.
_JOB = re.compile(r'^Job\.batch "[^"]*" is invalid: |^Job in version "v1" cannot be handled as a Job: ')
_DENIED = "denied the request"  # the API server's words if an admission webhook refuses


class KubernetesJobs:
    """The verbs of a cluster that are about Jobs and Pods."""

    def __init__(self, requests: KubernetesRequests, cache: ObjectCache) -> None:
        self._requests = requests
        self._cache = cache
        self._sweeper = Sweeper(self._delete_ended)
        self._holdups = KubernetesHoldups(requests)
        # UIDs of Jobs by run whose ended Pod is known, or was asked for after the Job finished.
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

    async def holdups(self, run_uid: str) -> Mapping[str, Holdup]:
        """See `Cluster.holdups`; asked for seldom, and only while a Job waits."""
        pods = {controller_uid(pod): pod for pod in self._cache.pods(run_uid)}
        return await self._holdups.of(run_uid, self._cache.jobs(run_uid), pods)

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
            # Permissions and quota are no fault of the template: creating the real Job will show.
        return None

    async def refresh(self, namespace: str, run_uid: str, expected_pods: Collection[str] = ()) -> None:
        """Replace the run's objects in the cache by a fresh list.

        The API server lists from its own cache: from etcd it would read every Job and Pod of the namespace
        and filter them. That cache may lag behind, so the list is repeated from etcd if it lacks one of
        `expected_pods`, UIDs of Pods that were observed before.
        """
        await self._list("Job", paths.jobs(namespace), run_uid, resourceVersion="0")
        await self._list("Pod", paths.pods(namespace), run_uid, resourceVersion="0")
        if self.lacks(run_uid, expected_pods):
            await self._list("Pod", paths.pods(namespace), run_uid)

    def lacks(self, run_uid: str, expected_pods: Collection[str]) -> bool:
        """Whether the cache lacks one of these Pods without having heard of its deletion."""
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
        except ClusterError as error:
            if error.sentence:
                self._holdups.refused(controller_uid(manifest), manifest["metadata"]["name"], error.sentence)
            raise
        self._holdups.created(controller_uid(manifest), manifest["metadata"]["name"])
        self._cache.put("Job", job)
        return job

    async def relabel_job(self, namespace: str, name: str, uid: str, labels: Mapping[str, str]) -> None:
        """See `Cluster.relabel_job`."""
        body = {"metadata": {"uid": uid, "labels": dict(labels)}}  # the UID is a precondition
        try:
            job = await self._requests.send(
                "patch", paths.job(namespace, name), body=body, content_type=MERGE_PATCH
            )
        except ClusterError as error:
            if error.code not in (404, 409):
                raise
        else:
            self._cache.put("Job", job)

    async def delete_job(self, namespace: str, name: str, uid: str, *, is_finished: bool = False) -> None:
        """See `Cluster.delete_job`; a finished one is deleted in the background, at the sweeper's rate."""
        job = self._cache.find("Job", namespace, name) if is_finished else None
        if job is None:
            await self._delete(namespace, name, uid, "Foreground")
        else:
            marks = job["metadata"]["labels"]
            lot = Lot(namespace, run_uid_of(job), marks[labels.PHASE], marks[labels.ATTEMPT])
            self._sweeper.add(lot, uid, Swept(name, marks[labels.MEMBER]))

    async def close(self) -> None:
        """End the background work."""
        await self._sweeper.close()

    async def _delete_ended(self, lot: Lot, jobs: Mapping[str, Swept]) -> None:
        """Delete Jobs whose Pods have ended: in the background, with a single watch event each."""
        if len(jobs) == 1:
            ((uid, job),) = jobs.items()
            await self._delete(lot.namespace, job.name, uid, "Background")
            return
        answer = await self._requests.send(
            "deletecollection",
            paths.jobs(lot.namespace),
            query={"labelSelector": _selector(lot, [job.member for job in jobs.values()])},
            body={"propagationPolicy": "Background"},
            accept=METADATA_LIST,
        )
        # One that somebody's finalizer holds is still there; the watch tells of its end.
        held = {item["metadata"]["uid"] for item in answer["items"] if _is_terminating(item)}
        for uid in jobs.keys() - held:
            self._cache.discard_uid("Job", uid)

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
        """Drop everything of a run that is gone."""
        self._cache.forget(run_uid)
        self._explained.pop(run_uid, None)
        self._holdups.forget(run_uid)

    async def _existing(self, manifest: JSONObject, error: ConflictError) -> JSONObject:
        """The existing Job of that name, if it is this run's."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        job = await self._requests.find(paths.job(namespace, name))
        if job is None:
            raise error  # deleted meanwhile: the next reconcile creates it
        if controller_uid(job) != controller_uid(manifest):
            text = f"a run needs Job {namespace}/{name}, but one of that name exists that is not this run's"
            raise NameTakenError(f"{text}; delete it, or give the run another name", code=409)
        return job

    async def _explain(self, job: JSONObject, run_uid: str) -> None:
        """Ask how a finished Job's Pods ended: by name if they are known, else by a list."""
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
        """Finished Jobs with no known ended Pod, for which the server was not asked yet."""
        explained = self._explained.setdefault(run_uid, set())
        explained |= {controller_uid(pod) for pod in self._cache.pods(run_uid) if has_ended(pod)}
        finished = (job for job in self._cache.jobs(run_uid) if is_finished(job))
        return [job for job in finished if job["metadata"]["uid"] not in explained]


def controller_uid(body: Mapping[str, Any]) -> str:
    """UID of a Job's run, or of a Pod's Job; empty if nothing controls it."""
    owners = body["metadata"].get("ownerReferences") or []
    return next((str(owner.get("uid")) for owner in owners if owner.get("controller")), "")


def _selector(lot: Lot, members: Iterable[str]) -> str:
    """Exactly these Jobs: an attempt of a member has one."""
    is_lot = f"{labels.RUN_UID}={lot.run_uid},{labels.PHASE}={lot.phase},{labels.ATTEMPT}={lot.attempt}"
    return f"{is_lot},{labels.MEMBER} in ({','.join(sorted(members))})"


def _is_terminating(body: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in body["metadata"]


def _template_sentence(sentence: str) -> str:
    """What is wrong with the Job, without its name, which no user knows, and without its JSON."""
    return _JOB.sub("", sentence).split(", error found in #", 1)[0]
