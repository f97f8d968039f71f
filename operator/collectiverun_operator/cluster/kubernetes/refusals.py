"""What is said in Events only: why the Job controller can't create Pods, why a kubelet can't mount volumes.

A list of Events with a selector makes the server read all of a namespace's, so that one answer serves all
runs of a namespace for a while.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from collectiverun_operator.api.outcome import MESSAGE_LIMIT
from collectiverun_operator.cluster.kubernetes import paths
from collectiverun_operator.cluster.kubernetes.requests import KubernetesRequests
from collectiverun_operator.errors import ClusterError
from collectiverun_operator.json_types import JSONObject

# An answer is used for so long.
FRESH_SECONDS = 5.0
REFUSED = {"fieldSelector": "reason=FailedCreate,involvedObject.kind=Job"}
UNMOUNTED = {"fieldSelector": "reason=FailedMount,involvedObject.kind=Pod"}
_POD_NAME = re.compile(r'^pods "[^"]*" is ')


@dataclass
class _Answer:
    sentences: Mapping[str, str] = field(default_factory=dict)
    asked_at: float = -FRESH_SECONDS
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class EventSentences:
    """The newest Events of one selector, `query`, by namespace. `clock` in seconds."""

    def __init__(
        self,
        requests: KubernetesRequests,
        query: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = requests
        self._query = query
        self._clock = clock
        self._namespaces: dict[str, _Answer] = defaultdict(_Answer)

    async def of(self, namespace: str) -> Mapping[str, str]:
        """The sentence about a Job's Pod, by the UID of the Event's object; nothing if it can't be asked.

        Nothing depends on it: the Job is Pending, without a reason.
        """
        answer = self._namespaces[namespace]
        async with answer.lock:
            if self._clock() - answer.asked_at >= FRESH_SECONDS:
                answer.asked_at = self._clock()
                answer.sentences = await self._ask(namespace)
        return answer.sentences

    async def _ask(self, namespace: str) -> Mapping[str, str]:
        try:
            events = (await self._requests.send("list", paths.events(namespace), query=dict(self._query)))[
                "items"
            ]
        except ClusterError:
            return {}
        return {_about(event): _sentence(event) for event in sorted(events, key=_time)}


def _about(event: JSONObject) -> str:
    return str((event.get("involvedObject") or {}).get("uid") or "")


def _time(event: JSONObject) -> str:
    moments = (event.get("lastTimestamp"), event.get("eventTime"), event["metadata"].get("creationTimestamp"))
    return next((str(moment) for moment in moments if moment), "")


def _sentence(event: JSONObject) -> str:
    """The sentence without the name of the Pod, which is another one at each try."""
    text = str(event.get("message") or "")
    text = text.removeprefix("(combined from similar events): ").removeprefix("Error creating: ")
    return _POD_NAME.sub("its Pod is ", text)[:MESSAGE_LIMIT]
