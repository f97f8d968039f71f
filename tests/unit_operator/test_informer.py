"""Jobs and Pods are followed through cut, silent, forgotten and refused watches, and only news is passed on.

The server is a script of answers: what a real one says is in tests/kubernetes_cluster and tests/chaos.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from testbed.waiting import LIMIT_SECONDS

from collectiverun_operator.api import labels
from collectiverun_operator.cluster.kubernetes import informer as module
from collectiverun_operator.cluster.kubernetes.cache import ObjectCache
from collectiverun_operator.cluster.kubernetes.informer import Informer
from collectiverun_operator.errors import ClusterError, ClusterUnreachableError
from collectiverun_operator.rate_limit import BackOff

RUN_UID = "run-uid"
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


def pod(uid: str, version: int, *, finalizers: list[str] | None = None, **status: Any) -> dict[str, Any]:
    marks = {labels.RUN: "demo", labels.RUN_UID: RUN_UID}
    metadata = {"name": uid, "namespace": "lab", "uid": uid, "resourceVersion": str(version), "labels": marks}
    return {"metadata": metadata | {"finalizers": finalizers or []}, "spec": {}, "status": status}


def page(version: int, *bodies: dict[str, Any], more: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(bodies)}


def told(type_: str, body: dict[str, Any]) -> bytes:
    return json.dumps({"type": type_, "object": body}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    return told("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


class Script:
    """Answers in their order, those of lists and those of watches; after the last watch it says nothing more.

    An answer that is an error is raised. `asked`: what was asked for, and from which version.
    """

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self._lists: Iterator[Any] = iter(lists)
        self._watches: Iterator[Any] = iter(watches)
        self.asked: list[str] = []
        self.is_over = asyncio.Event()

    async def send(self, verb: str, path: str, *, query: dict[str, Any]) -> Any:
        self.asked.append(f"{verb} {query.get('continue', '')}".strip())
        answer = next(self._lists)
        if isinstance(answer, ClusterError):
            raise answer
        return answer

    async def stream(self, path: str, query: dict[str, Any], silent_seconds: float) -> AsyncIterator[bytes]:
        self.asked.append(f"watch {query['resourceVersion']}")
        pieces = next(self._watches, None)
        if isinstance(pieces, ClusterError):
            raise pieces
        yield b""
        for piece in pieces or ():
            if isinstance(piece, ClusterError):
                raise piece
            yield piece
        if pieces is None:
            self.is_over.set()
            await asyncio.Event().wait()


class Followed:
    """What an informer made of a script. `news`: names it passed on, with a minus if they are gone."""

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self.cache = ObjectCache()
        self.news: list[str] = []
        self.lists, self.watches = lists, watches
        self.asked: list[str] = []

    def __enter__(self) -> Followed:
        asyncio.run(self._follow())
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def names(self) -> list[str]:
        return sorted(body["metadata"]["name"] for body in self.cache.pods(RUN_UID))

    async def _follow(self) -> None:
        script = Script(self.lists, self.watches)
        self.asked = script.asked

        def on_change(body: dict[str, Any], is_gone: bool) -> None:
            self.news.append(("-" if is_gone else "") + body["metadata"]["name"])

        informer = Informer(script, self.cache, "Pod", "", "/pods", on_change, lambda: None)  # type: ignore[arg-type]
        following = asyncio.create_task(informer.follow())
        over = asyncio.create_task(script.is_over.wait())
        async with asyncio.timeout(LIMIT_SECONDS):
            await asyncio.wait([following, over], return_when=asyncio.FIRST_COMPLETED)
        assert not following.done(), following.exception()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for between two tries."""
    monkeypatch.setattr(module, "BACK_OFF", BackOff(0.0, 0.0))
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)


def test_what_there_is_then_what_happens() -> None:
    lists = [page(5, pod("a", 3), more="next"), page(5, pod("b", 4))]
    watch = [told("ADDED", pod("c", 6)), told("MODIFIED", pod("a", 7, phase="Running"))]
    with Followed(lists, [[*watch, told("DELETED", pod("b", 8))]]) as followed:
        assert followed.names() == ["a", "c"]
        assert followed.news == ["a", "b", "c", "a", "-b"]
        assert followed.asked == ["list", "list next", "watch 5", "watch 8"]


def test_an_event_in_many_pieces_and_many_events_in_one() -> None:
    text = told("ADDED", pod("a", 6)) + told("ADDED", pod("b", 7))
    pieces = [text[:10], text[10:200], text[200:]]
    with Followed([page(5)], [pieces]) as followed:
        assert followed.news == ["a", "b"]


def test_what_no_plan_reads_is_no_news_and_the_version_moves_on() -> None:
    held = pod("a", 6, phase="Running", finalizers=["batch.kubernetes.io/job-tracking"])
    with Followed([page(5, held)], [[told("MODIFIED", pod("a", 9, phase="Running"))]]) as followed:
        assert followed.news == ["a"]
        assert followed.asked[-1] == "watch 9"


def test_what_an_answer_told_before_is_news_once_the_watch_tells_it() -> None:
    followed = Followed([page(5)], [[told("ADDED", pod("a", 6))]])
    followed.cache.put("Pod", pod("a", 6))
    with followed:
        assert followed.news == ["a"]


@pytest.mark.parametrize(
    "broken",
    [
        ClusterUnreachableError("cut"),
        ClusterError("your token has expired", code=401),
        ClusterError("you may not", code=403),
        ClusterError("too many", code=429),
    ],
)
def test_a_watch_that_breaks_goes_on_where_it_was(broken: ClusterError) -> None:
    with Followed([page(5)], [[bookmark(8), broken], broken, [told("ADDED", pod("a", 9))]]) as followed:
        assert followed.news == ["a"]
        assert followed.asked == ["list", "watch 5", "watch 8", "watch 8", "watch 9"]


@pytest.mark.parametrize(
    "forgotten",
    [
        [told("ERROR", GONE)],
        ClusterError("too old", code=410),
        ClusterError("too large a version, after a restored backup", code=504),
        [b"no JSON\n"],
    ],
)
def test_what_happened_while_nobody_watched_is_found_by_a_list(forgotten: Any) -> None:
    lists = [page(5, pod("stays", 1), pod("goes", 2)), page(20, pod("stays", 1), pod("comes", 12))]
    with Followed(lists, [forgotten]) as followed:
        assert followed.names() == ["comes", "stays"]
        assert followed.news == ["stays", "goes", "comes", "-goes"]
        assert followed.asked == ["list", "watch 5", "list", "watch 20"]


def test_a_list_drops_nothing_that_was_made_after_it() -> None:
    followed = Followed([page(5)], [])
    followed.cache.put("Pod", pod("newer", 6))
    with followed:
        assert followed.names() == ["newer"]


def test_a_list_that_fails_is_begun_anew() -> None:
    lists = [page(5, pod("a", 1), more="x"), ClusterError("expired", code=410), page(9, pod("a", 1))]
    with Followed(lists, []) as followed:
        assert followed.asked == ["list", "list x", "list", "watch 9"]


def fault_after(seconds: float, watches: list[Any]) -> str | None:
    """What an informer says so long after it began to do as the script says, and was over."""
    now = 0.0

    async def scene() -> Callable[[float], str | None]:
        script = Script([page(5)], [*watches, None])
        informer = Informer(
            script,  # type: ignore[arg-type]
            ObjectCache(),
            "Pod",
            "lab",
            "/pods",
            lambda *_: None,
            lambda: None,
            clock=lambda: now,
        )
        following = asyncio.create_task(informer.follow())
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(script.asked) < 1 + len(watches):
                await asyncio.sleep(0)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        return informer.fault

    fault = asyncio.run(scene())
    now = seconds
    return fault(120.0)


REFUSED = ClusterError("watch /pods: 403: pods is forbidden", code=403)


def test_a_watch_that_fails_for_too_long_is_a_fault_and_says_why() -> None:
    assert fault_after(121.0, [REFUSED]) == (
        "the watch of Pods in namespace lab has failed for 121 s (limit 120 s): watch /pods: 403: pods is"
        " forbidden"
    )


def test_one_that_failed_a_moment_ago_or_goes_on_again_is_none() -> None:
    assert fault_after(119.0, [REFUSED]) is None
    assert fault_after(121.0, [REFUSED, [bookmark(9)]]) is None
