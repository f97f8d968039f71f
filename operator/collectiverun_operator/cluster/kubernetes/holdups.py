"""What holds up Jobs: the server that refused the Job or its Pod, the queue's Workload, a missing volume.

No watch tells these, and a run that waits may wait for days: they are asked for only while a Job of the run
waits, with one request a kind for all its Jobs, and seldom.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from collectiverun_operator.api.labels import QUEUE, WORKLOAD_OF
from collectiverun_operator.api.outcome import (
    JOB_REFUSED,
    MESSAGE_LIMIT,
    POD_REFUSED,
    Holdup,
    QueuePosition,
)
from collectiverun_operator.api.pod_outcome import is_finished
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.positions import QueuePositions
from collectiverun_operator.cluster.kubernetes.refusals import REFUSED, UNMOUNTED, EventSentences
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.cluster.kubernetes.workloads import workload_holdup
from collectiverun_operator.errors import ClusterError
from collectiverun_operator.formatting import parse_time
from collectiverun_operator.json_types import JSONObject

# An answer is used for so long.
FRESH_SECONDS = 15.0
# … and asked for again so soon if it does not say everything.
AGAIN_SECONDS = 2.0
# A Job has its Pod and its Workload in no time, as a rule: what lacks it longer is asked about, or told.
USUAL_SECONDS = 5.0

UNMOUNTED_REASON = "FailedMount"
SUSPENDED = "its Job {} is suspended, and no queue has it; set its spec.suspend to false, or delete it"
NO_WORKLOAD = (
    "Kueue has no Workload of Job {}; see that Kueue runs, and that the WorkloadPriorityClass in the run's"
    " label exists"
)

Answers = Mapping[str, Holdup]
Ask = Callable[[list[JSONObject]], Awaitable[Answers]]


@dataclass
class _Question:
    """One kind of question about a run's Jobs or Pods, and what was answered last, by their names.

    Nothing is asked about one that has waited for less than `patience_seconds`.
    """

    ask: Ask
    patience_seconds: float
    clock: Callable[[], float]
    seen_at: dict[str, float] = field(default_factory=dict)
    asked_at: float = -FRESH_SECONDS
    answers: Answers = field(default_factory=dict)

    async def answer(self, jobs: list[JSONObject]) -> Answers:
        """What is known of exactly these Jobs, which wait; asked for anew if it is old."""
        now = self.clock()
        self.seen_at = {name: self.seen_at.get(name, now) for name in map(_name, jobs)}
        late = [job for job in jobs if now - self.seen_at[_name(job)] >= self.patience_seconds]
        is_open = any(_is_open(self.answers.get(_name(job))) for job in late)
        is_first = any(self.seen_at[_name(job)] > self.asked_at for job in late)
        fresh_seconds = AGAIN_SECONDS if is_open else FRESH_SECONDS
        if late and (is_first or now - self.asked_at >= fresh_seconds):
            self.asked_at = now
            self.answers = await self.ask(late)
        return {name: holdup for name, holdup in self.answers.items() if name in self.seen_at}


@dataclass
class _Run:
    """What is asked about one run. `refused`: sentences by Job name, of Jobs that could not be created."""

    held: _Question
    podless: _Question
    creating: _Question
    refused: dict[str, str] = field(default_factory=dict)


class KubernetesHoldups:
    """Holdups by run. `clock` in seconds."""

    def __init__(self, requests: KubernetesRequests, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = requests
        self._clock = clock
        self._refusals = EventSentences(requests, REFUSED, clock)
        self._mounts = EventSentences(requests, UNMOUNTED, clock)
        self._positions = QueuePositions(requests, clock)
        self._runs: dict[str, _Run] = {}

    def created(self, run_uid: str, name: str) -> None:
        """A Job could be created."""
        if run_uid in self._runs:
            self._runs[run_uid].refused.pop(name, None)

    def refused(self, run_uid: str, name: str, sentence: str) -> None:
        """A Job could not be created, for the reason that the server gave."""
        self._run(run_uid).refused[name] = sentence[:MESSAGE_LIMIT]

    def forget(self, run_uid: str) -> None:
        """Drop everything of a run that is gone."""
        self._runs.pop(run_uid, None)

    async def of(
        self, run_uid: str, jobs: Iterable[JSONObject], pods: Mapping[str, JSONObject]
    ) -> dict[str, Holdup]:
        """What holds up the run's Jobs, by name; `pods` are theirs, by the Jobs' UIDs."""
        unfinished = [job for job in jobs if not (is_finished(job) or _is_terminating(job))]
        held = [job for job in unfinished if _is_suspended(job)]
        podless = [job for job in unfinished if not _is_suspended(job) and job["metadata"]["uid"] not in pods]
        creating = {_name(job): pods[_uid(job)] for job in unfinished if _is_creating(pods.get(_uid(job)))}
        if run_uid not in self._runs and not (held or podless or creating):
            return {}
        run = self._run(run_uid)
        found = {name: Holdup(JOB_REFUSED, text) for name, text in run.refused.items()}
        found.update(await run.held.answer(held))
        found.update(await run.podless.answer(podless))
        unmounted = await run.creating.answer(list(creating.values()))
        told = {name: unmounted[_name(pod)] for name, pod in creating.items() if _name(pod) in unmounted}
        return found | told

    def _run(self, run_uid: str) -> _Run:
        if run_uid not in self._runs:
            held = _Question(self._ask_kueue, 0.0, self._clock)
            podless = _Question(self._ask_for_refusals, USUAL_SECONDS, self._clock)
            creating = _Question(self._ask_for_mounts, USUAL_SECONDS, self._clock)
            self._runs[run_uid] = _Run(held, podless, creating)
        return self._runs[run_uid]

    async def _ask_kueue(self, jobs: list[JSONObject]) -> Answers:
        """Why these Jobs of one namespace are held: by Kueue, or by a hand that suspended them."""
        queued = [job for job in jobs if job["metadata"]["labels"].get(QUEUE)]
        found = {
            _name(job): Holdup("JobSuspended", SUSPENDED.format(_name(job)))
            for job in jobs
            if job not in queued
        }
        if queued:
            found.update(await self._ask_workloads(queued))
        return found

    async def _ask_workloads(self, jobs: list[JSONObject]) -> Answers:
        path = paths.workloads(jobs[0]["metadata"]["namespace"])
        query = {"labelSelector": f"{WORKLOAD_OF} in ({','.join(_uid(job) for job in jobs)})"}
        try:
            answer = await self._requests.send("list", path, query=query)
        except ClusterError as error:
            text = f"the operator can't read Kueue's Workloads: {error.sentence or error}"
            return {_name(job): Holdup("", text[:MESSAGE_LIMIT]) for job in jobs}
        workloads = {body["metadata"]["labels"][WORKLOAD_OF]: body for body in answer["items"]}
        now = self._requests.clock.now()
        held = {_uid(job): _held_by(workloads.get(_uid(job)), job, now) for job in jobs}
        return {
            _name(job): replace(holdup, position=await self._position(job))
            for job in jobs
            if (holdup := held[_uid(job)]) is not None
        }

    async def _position(self, job: JSONObject) -> QueuePosition | None:
        queue = str(job["metadata"]["labels"][QUEUE])
        positions = await self._positions.of(job["metadata"]["namespace"], queue)
        number = positions.get(_uid(job))
        return None if number is None else QueuePosition(number, queue)

    async def _ask_for_refusals(self, jobs: list[JSONObject]) -> Answers:
        """Why the Job controller can't create Pods of these Jobs of one namespace."""
        told = await self._refusals.of(jobs[0]["metadata"]["namespace"])
        return {_name(job): Holdup(POD_REFUSED, told[_uid(job)]) for job in jobs if _uid(job) in told}

    async def _ask_for_mounts(self, pods: list[JSONObject]) -> Answers:
        """Why the containers of these Pods of one namespace are not made, such as a missing ConfigMap."""
        told = await self._mounts.of(pods[0]["metadata"]["namespace"])
        return {_name(pod): Holdup(UNMOUNTED_REASON, told[_uid(pod)]) for pod in pods if _uid(pod) in told}


def _held_by(workload: JSONObject | None, job: JSONObject, now: datetime) -> Holdup | None:
    """Why Kueue holds a Job; None as long as it may not have seen it."""
    if workload is not None:
        return workload_holdup(workload)
    created = parse_time(job["metadata"].get("creationTimestamp"))
    age = now - created if created is not None else timedelta()
    if age < timedelta(seconds=USUAL_SECONDS):
        return None
    return Holdup("NotInQueue", NO_WORKLOAD.format(_name(job)))


def _is_open(answer: Holdup | None) -> bool:
    return answer is None or answer.is_passing


def _is_creating(pod: JSONObject | None) -> bool:
    """Whether it has a node, and no container yet: images and volumes are fetched."""
    status: JSONObject = (pod or {}).get("status") or {}
    states = (entry.get("state") or {} for entry in status.get("containerStatuses") or [])
    reasons = {(state.get("waiting") or {}).get("reason") for state in states}
    return status.get("phase") == "Pending" and bool(reasons & {"ContainerCreating", "PodInitializing"})


def _is_suspended(job: JSONObject) -> bool:
    return bool(job["spec"].get("suspend"))


def _is_terminating(job: JSONObject) -> bool:
    return "deletionTimestamp" in job["metadata"]


def _name(job: JSONObject) -> str:
    return str(job["metadata"]["name"])


def _uid(job: JSONObject) -> str:
    return str(job["metadata"]["uid"])
