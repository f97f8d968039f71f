"""A cluster in memory for histories: Jobs, Pods and a Job controller that makes Pods and ends Jobs.

It keeps real Kubernetes documents and lets a test play kubelet, node and Kueue. Deleting is as in Kubernetes:
a terminating Pod stays until its container ends, a Job (foreground) until its Pods are gone.
"""

from __future__ import annotations

import copy
from datetime import datetime, timedelta

from unit_operator.builders import a_pod, a_result, artifact_uri, ended, running

from collectiverun_operator.api.outcome import Holdup, Progress
from collectiverun_operator.api.pod_outcome import is_finished
from collectiverun_operator.formatting import format_time
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.observation import Observed
from collectiverun_operator.plan.observing import observe
from collectiverun_operator.plan.plan import Action, CreateJob, DeleteJob, RelabelJob

GRACE_SECONDS = 30


class SimulatedCluster:
    """Jobs by name and Pods by UID."""

    def __init__(self) -> None:
        self.jobs: dict[str, JSONObject] = {}
        self.pods: dict[str, JSONObject] = {}
        self.holds_new_jobs = False
        self.refuses_jobs = False
        self.refuses_pods = False
        self.holdups: dict[str, Holdup] = {}
        self.progress: dict[str, Progress] = {}
        self.created: list[str] = []
        self._count = 0

    def observe(self) -> Observed:
        """What an operator sees."""
        jobs, pods = copy.deepcopy((list(self.jobs.values()), list(self.pods.values())))
        return observe(jobs, pods, self.progress, self.holdups)

    def act(self, action: Action, now: datetime) -> None:
        """Take an action of a plan."""
        if isinstance(action, CreateJob):
            self._create(action.manifest, now)
        elif isinstance(action, DeleteJob):
            self.delete_job(action.name, action.uid, now)
        elif isinstance(action, RelabelJob):
            self.jobs[action.name]["metadata"]["labels"] |= action.labels

    def delete_job(self, name: str, uid: str, now: datetime) -> None:
        """Delete a Job in the foreground."""
        job = self.jobs.get(name)
        if job is not None and job["metadata"]["uid"] == uid:
            job["metadata"].setdefault("deletionTimestamp", format_time(now))
            for pod in self.pods_of(name):
                self.delete_pod(pod["metadata"]["uid"], now)
            self.control(now)

    def delete_pod(self, uid: str, now: datetime) -> None:
        """Ask a Pod to go: at once if it has ended or never started, else when its container ends."""
        pod = self.pods[uid]
        if pod["status"]["phase"] != "Running":
            del self.pods[uid]
            return
        if "deletionTimestamp" not in pod["metadata"]:
            moment = format_time(now + timedelta(seconds=GRACE_SECONDS))
            pod["metadata"] |= {"deletionTimestamp": moment, "deletionGracePeriodSeconds": GRACE_SECONDS}

    def start(self, uid: str) -> None:
        """The Pod's container starts."""
        self.pods[uid]["status"] = running()

    def end(self, uid: str, status: JSONObject) -> None:
        """The Pod's container ends; a terminating Pod goes with it."""
        self.pods[uid]["status"] = status
        if "deletionTimestamp" in self.pods[uid]["metadata"]:
            del self.pods[uid]

    def succeed(self, uid: str) -> None:
        """The Pod publishes its artifact and ends."""
        job = self.jobs[self._job_name(self.pods[uid])]
        self.end(uid, ended(0, a_result(artifact_uri(job, uid))))

    def lose(self, uid: str) -> None:
        """The Pod vanishes without a trace."""
        del self.pods[uid]

    def admit(self, name: str) -> None:
        """Kueue lets a held Job go."""
        self.jobs[name]["spec"]["suspend"] = False

    def evict(self, name: str, now: datetime) -> None:
        """Kueue takes a Job's place back: the Job is suspended, then its Pods are deleted."""
        job = self.jobs[name]
        job["spec"]["suspend"] = True
        job["status"].pop("startTime", None)
        self._note_suspension(job)
        for pod in self.pods_of(name):
            self.delete_pod(pod["metadata"]["uid"], now)

    def control(self, now: datetime) -> None:
        """What the Job controller and the garbage collector do next."""
        for name, job in list(self.jobs.items()):
            pods = self.pods_of(name)
            if "deletionTimestamp" in job["metadata"]:
                if not pods:
                    del self.jobs[name]
            elif not is_finished(job):
                self._note_suspension(job)
                if not job["spec"].get("suspend"):
                    job["status"].setdefault("startTime", format_time(now))
                    self._control_job(job, pods, now)

    def pods_of(self, name: str) -> list[JSONObject]:
        """The Pods of a Job."""
        return [pod for pod in self.pods.values() if self._job_name(pod) == name]

    def live_jobs(self) -> list[JSONObject]:
        """Jobs that may still do something."""
        return [
            job
            for name, job in self.jobs.items()
            if not is_finished(job)
            and "deletionTimestamp" not in job["metadata"]
            and not any(pod["status"]["phase"] in ("Succeeded", "Failed") for pod in self.pods_of(name))
        ]

    def _create(self, manifest: JSONObject, now: datetime) -> None:
        name = manifest["metadata"]["name"]
        if name in self.jobs or self.refuses_jobs:
            return
        job = copy.deepcopy(manifest)
        job["metadata"] |= {"uid": self._uid("job"), "creationTimestamp": format_time(now)}
        job["spec"]["suspend"] = self.holds_new_jobs
        self.jobs[name] = job | {"status": {}}
        self.created.append(name)

    def _control_job(self, job: JSONObject, pods: list[JSONObject], now: datetime) -> None:
        phases = {pod["status"]["phase"] for pod in pods}
        if "Succeeded" in phases or "Failed" in phases:
            kind = "Complete" if "Succeeded" in phases else "Failed"
            job["status"].setdefault("conditions", []).append({"type": kind, "status": "True"})
        elif not pods and not self.refuses_pods:
            pod = a_pod(job, self._uid("pod"), now)
            self.pods[pod["metadata"]["uid"]] = pod

    def _note_suspension(self, job: JSONObject) -> None:
        """Condition Suspended, which a Job has that was ever suspended."""
        is_suspended = bool(job["spec"].get("suspend"))
        if is_suspended or job["status"].get("conditions"):
            status = "True" if is_suspended else "False"
            job["status"]["conditions"] = [{"type": "Suspended", "status": status}]

    def _job_name(self, pod: JSONObject) -> str:
        return str(pod["metadata"]["name"].rsplit("-pod", 1)[0])

    def _uid(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count:05d}"
