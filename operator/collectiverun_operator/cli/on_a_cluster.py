"""The runs of a cluster, read with the operator's own client and the user's kubeconfig (docs/adr/018).

Nothing but this module of the command knows Kubernetes, and it is imported only where a cluster is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from collectiverun_operator.api import labels
from collectiverun_operator.api.outcome import Active, Failed, Outcome
from collectiverun_operator.api.pod_template import CONTAINER
from collectiverun_operator.api.status_json import UnreadableStatusError, read_status
from collectiverun_operator.cli.exit_codes import NoAnswerError, NotThereError, RefusedError, UnknownRunError
from collectiverun_operator.cli.places import Cluster
from collectiverun_operator.cli.records import AttemptRecord, AttemptState, RunRecord
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.client import Kubeconfig, connect, context_namespace
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError, ClusterUnreachableError
from collectiverun_operator.json_types import JSONObject
from collectiverun_operator.plan.observation import AttemptKey, ObservedPod
from collectiverun_operator.plan.observing import observe

_T = TypeVar("_T")
_NAMESPACE = "default"  # of a run, where none is named
SILENT_SECONDS = 3600.0  # a phase may say nothing for long; the server ends the answer when the Pod ends


def namespace_of_context(context: str | None, kubeconfig: str | None) -> str:
    """The namespace that kubectl would take; `default` where no kubeconfig names one."""
    return context_namespace(Kubeconfig(kubeconfig, context))


def runs_there(place: Cluster) -> list[RunRecord]:
    """The runs of a place. Raises RefusedError or NoAnswerError."""

    async def read(requests: KubernetesRequests) -> list[RunRecord]:
        answer = await requests.send("list", paths.runs(place.namespace or ""))
        return [_record(body, []) for body in answer.get("items") or []]

    return _ask(place, read)


def find_there(name: str, place: Cluster) -> RunRecord:
    """One run with its attempts. Raises UnknownRunError, RefusedError or NoAnswerError."""

    async def read(requests: KubernetesRequests) -> RunRecord:
        body = await _run(requests, name, place.namespace or _NAMESPACE)
        observed = observe(*await _jobs_and_pods(requests, body))
        attempts = [
            _attempt(attempt.key, pod) for attempt in observed.attempts.values() for pod in attempt.pods
        ]
        return _record(body, attempts)

    return _ask(place, read)


def documents_there(
    place: Cluster, record: RunRecord
) -> tuple[JSONObject, list[JSONObject], list[JSONObject]]:
    """A run as the API server has it, its Jobs and its Pods. Raises as `find_there`."""

    async def read(requests: KubernetesRequests) -> tuple[JSONObject, list[JSONObject], list[JSONObject]]:
        body = await _run(requests, record.name, record.namespace)
        return body, *await _jobs_and_pods(requests, body)

    return _ask(place, read)


def events_there(place: Cluster, record: RunRecord) -> list[JSONObject]:
    """The Events about a run. Raises as `find_there`."""

    async def read(requests: KubernetesRequests) -> list[JSONObject]:
        query = {"fieldSelector": f"involvedObject.uid={record.uid}"}
        answer = await requests.send("list", paths.events(record.namespace), query=query)
        return list(answer.get("items") or [])

    return _ask(place, read)


def show_log_there(
    place: Cluster,
    record: RunRecord,
    attempt: AttemptRecord,
    show: Callable[[bytes], None],
    *,
    follow: bool,
    last_lines: int | None = None,
) -> None:
    """Show what an attempt's Pod wrote, line by line; `follow`: until it ends; `last_lines`: only so many.

    Raises as `find_there`.
    """

    async def read(requests: KubernetesRequests) -> None:
        query = {"container": CONTAINER, "follow": str(follow).lower()}
        query |= {"tailLines": str(last_lines)} if last_lines is not None else {}
        rest = b""
        path = paths.pod_log(record.namespace, attempt.pod)
        async for piece in requests.stream(path, query, SILENT_SECONDS):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                show(line)
        if rest:
            show(rest)

    _ask(place, read)


@asynccontextmanager
async def _requests(place: Cluster) -> AsyncIterator[KubernetesRequests]:
    api = await connect(chosen=Kubeconfig(place.kubeconfig, place.context))
    try:
        yield KubernetesRequests(api)
    finally:
        await api.close()  # type: ignore[no-untyped-call]


def _ask(place: Cluster, read: Callable[[KubernetesRequests], Awaitable[_T]]) -> _T:
    async def ask() -> _T:
        async with _requests(place) as requests:
            return await read(requests)

    return asyncio.run(_told(ask()))


async def _told(answer: Awaitable[_T]) -> _T:
    """The answer; a refusal or silence as the error of a command."""
    try:
        return await answer
    except ClusterUnreachableError as error:
        raise (RefusedError if error.code in (401, 403) else NoAnswerError)(str(error)) from None
    except ClusterError as error:
        raise RefusedError(f"the cluster refuses: {error.sentence or error}") from None


async def _run(requests: KubernetesRequests, name: str, namespace: str) -> JSONObject:
    body = await requests.find(paths.run(namespace, name))
    if body is not None:
        return body
    answer = await requests.send("list", paths.runs(namespace))
    names = ", ".join(sorted(item["metadata"]["name"] for item in answer.get("items") or [])) or "none"
    raise UnknownRunError(f"namespace {namespace} has no run called {name!r}; it has {names}")


async def _jobs_and_pods(
    requests: KubernetesRequests, body: JSONObject
) -> tuple[list[JSONObject], list[JSONObject]]:
    metadata = body["metadata"]
    query = {"labelSelector": f"{labels.RUN_UID}={metadata['uid']}"}
    jobs = await requests.send("list", paths.jobs(metadata["namespace"]), query=query)
    pods = await requests.send("list", paths.pods(metadata["namespace"]), query=query)
    return jobs.get("items") or [], pods.get("items") or []


def _record(body: JSONObject, attempts: list[AttemptRecord]) -> RunRecord:
    metadata = body["metadata"]
    try:
        status = read_status(body.get("status") or {})
    except UnreadableStatusError as error:
        raise NotThereError(f"{metadata['namespace']}/{metadata['name']}: {error}") from None
    return RunRecord(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        status=status,
        attempts=tuple(attempts),
        storage=body.get("spec", {}).get("storage"),
    )


def _attempt(key: AttemptKey, pod: ObservedPod) -> AttemptRecord:
    outcome = pod.outcome
    return AttemptRecord(
        phase=key.phase,
        member=key.member,
        number=key.attempt,
        state=_state(outcome),
        reason=outcome.reason if isinstance(outcome, Failed) else "",
        message=outcome.waiting if isinstance(outcome, Active) else getattr(outcome, "message", ""),
        exit_code=outcome.exit_code if isinstance(outcome, Failed) else None,
        started=pod.start_time.timestamp() if pod.start_time else None,
        ended=pod.finish_time.timestamp() if pod.finish_time else None,
        pod=pod.name,
        node=pod.node,
    )


def _state(outcome: Outcome) -> AttemptState:
    if isinstance(outcome, Active):
        return outcome.stage
    if isinstance(outcome, Failed):
        return "Stopped" if outcome.kind == "stopped" else "Failed"
    return "Succeeded"
