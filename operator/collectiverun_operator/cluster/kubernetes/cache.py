"""A cache of the runs' Jobs and Pods, filled by watch events and by every answer of the API server.

It may be out of date: an event may be late or missed. Fields that no plan reads are dropped, so that
thousands of objects fit in a few MiB.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from sys import intern
from typing import Any, Literal

from collectiverun_operator.api import labels
from collectiverun_operator.api.pod_outcome import trainer_memory_limit
from collectiverun_operator.api.pod_template import CONTAINER
from collectiverun_operator.json_types import JSONObject

Kind = Literal["Job", "Pod"]
KINDS: tuple[Kind, ...] = ("Job", "Pod")

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
GONE_LIMIT = 10_000
_OWNER = ("kind", "name", "uid", "controller")
_CONDITION = ("type", "status", "reason", "message")


class ObjectCache:
    """Slim bodies of Jobs and Pods by run UID. An older resourceVersion never replaces a newer one."""

    def __init__(self) -> None:
        self._bodies: dict[tuple[Kind, str], dict[str, JSONObject]] = {}
        # UIDs deleted last: an answer from before a deletion may arrive after it.
        self._gone: dict[str, None] = {}

    def put(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Store a body unless a newer version is cached. One without a run's label is ignored.

        Returns whether a plan may see a difference.
        """
        run_uid, metadata = run_uid_of(body), body["metadata"]
        if not run_uid or metadata.get("uid") in self._gone:
            return False
        bodies = self._bodies.setdefault((kind, run_uid), {})
        cached = bodies.get(metadata["name"])
        if cached is not None and is_older(_version(body), _version(cached)):
            return False
        bodies[metadata["name"]] = kept = slim(body)
        return cached is None or _is_news(kept, cached)

    def has(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Whether exactly this version of the object is cached."""
        cached = self._bodies.get((kind, run_uid_of(body)), {}).get(body["metadata"]["name"])
        return cached is not None and _identity(cached) == _identity(body)

    def missing(self, kind: Kind, namespace: str, listed: Collection[str], version: str) -> list[JSONObject]:
        """Objects of a namespace (empty: of all) that a list from `version` lacks; `listed`: its UIDs."""
        return [
            body
            for (known_kind, _), bodies in self._bodies.items()
            for body in (bodies.values() if known_kind == kind else ())
            if namespace in ("", body["metadata"]["namespace"])
            and body["metadata"]["uid"] not in listed
            and not is_older(version, _version(body))
        ]

    def discard(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Remove a deleted object. One of the same name that was created since stays."""
        run_uid, metadata = run_uid_of(body), body["metadata"]
        self._remember_gone(str(metadata.get("uid")))
        bodies = self._bodies.get((kind, run_uid), {})
        cached = bodies.get(metadata["name"])
        if cached is not None and cached["metadata"].get("uid") == metadata.get("uid"):
            del bodies[metadata["name"]]
        if not bodies:
            self._bodies.pop((kind, run_uid), None)

    def discard_uid(self, kind: Kind, uid: str) -> None:
        """Remove the object of this UID, whichever run it belongs to."""
        self._remember_gone(uid)
        for (known_kind, _), bodies in self._bodies.items():
            for body in list(bodies.values()) if known_kind == kind else ():
                if body["metadata"].get("uid") == uid:
                    self.discard(kind, body)
                    return

    def replace(
        self, kind: Kind, run_uid: str, bodies: Iterable[Mapping[str, Any]], resource_version: str = ""
    ) -> None:
        """Replace a run's objects by a list from `resource_version`; versions received since then stay."""
        cached = self._bodies.pop((kind, run_uid), {})
        since = {name: body for name, body in cached.items() if is_older(resource_version, _version(body))}
        if since:
            self._bodies[kind, run_uid] = since
        for body in bodies:
            self.put(kind, body)

    def jobs(self, run_uid: str) -> list[JSONObject]:
        """The run's Jobs; read them only."""
        return list(self._bodies.get(("Job", run_uid), {}).values())

    def pods(self, run_uid: str) -> list[JSONObject]:
        """The run's Pods; read them only."""
        return list(self._bodies.get(("Pod", run_uid), {}).values())

    def find(self, kind: Kind, namespace: str, name: str) -> JSONObject | None:
        """The object of that name, whichever run it belongs to."""
        for (known_kind, _), bodies in self._bodies.items():
            body = bodies.get(name) if known_kind == kind else None
            if body is not None and body["metadata"]["namespace"] == namespace:
                return body
        return None

    def is_gone(self, uid: str) -> bool:
        """Whether the object of this UID is known to have been deleted recently."""
        return uid in self._gone

    def forget(self, run_uid: str) -> None:
        """Drop everything of a run that is gone."""
        self._bodies.pop(("Job", run_uid), None)
        self._bodies.pop(("Pod", run_uid), None)

    def _remember_gone(self, uid: str) -> None:
        self._gone[uid] = None
        if len(self._gone) > GONE_LIMIT:
            del self._gone[next(iter(self._gone))]


def run_uid_of(body: Mapping[str, Any]) -> str:
    """UID of the run in a Job's or Pod's label; empty if there is none."""
    return str(((body.get("metadata") or {}).get("labels") or {}).get(labels.RUN_UID) or "")


def _version(body: Mapping[str, Any]) -> str:
    return str(body["metadata"].get("resourceVersion") or "")


def _identity(body: Mapping[str, Any]) -> tuple[str, str]:
    return str(body["metadata"].get("uid")), _version(body)


def _is_news(kept: JSONObject, cached: JSONObject) -> bool:
    """Whether two slim bodies differ in more than their version.

    The same version is news too: it was the answer to a request of ours, and nothing was planned from it yet.
    """
    if _version(kept) == _version(cached):
        return True
    return kept != {**cached, "metadata": {**cached["metadata"], "resourceVersion": _version(kept)}}


def is_older(version: str, than: str) -> bool:
    """Whether a resourceVersion is certainly earlier. Only numbers can be compared."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


def slim(body: Mapping[str, Any]) -> JSONObject:
    """A Job or Pod with the fields that `observing.py` reads."""
    metadata = body.get("metadata") or {}
    kept = _picked(metadata, _METADATA)
    kept["labels"] = {
        intern(key): intern(value)
        for key, value in (metadata.get("labels") or {}).items()
        if key.startswith(f"{labels.GROUP}/") or key in labels.KUEUE
    }
    kept["ownerReferences"] = [_picked(owner, _OWNER) for owner in metadata.get("ownerReferences") or []]
    return {"metadata": kept, "spec": _slim_spec(body.get("spec") or {}), "status": _slim_status(body)}


def _slim_spec(spec: Mapping[str, Any]) -> JSONObject:
    kept = _picked(spec, ("nodeName", "suspend", "terminationGracePeriodSeconds"))
    limit = trainer_memory_limit(spec)
    if limit is not None:
        kept["containers"] = [{"name": CONTAINER, "resources": {"limits": {"memory": limit}}}]
    grace = ((spec.get("template") or {}).get("spec") or {}).get("terminationGracePeriodSeconds")
    if grace is not None:
        kept["template"] = {"spec": {"terminationGracePeriodSeconds": grace}}
    return kept


def _slim_status(body: Mapping[str, Any]) -> JSONObject:
    status = body.get("status") or {}
    kept = _picked(status, ("phase", "reason", "message", "startTime"))
    conditions = [_picked(c, _CONDITION) for c in status.get("conditions") or [] if _is_relevant(c)]
    containers = [_picked(c, ("name", "state")) for c in status.get("containerStatuses") or []]
    kept["conditions"] = conditions
    init = [_picked(c, ("name", "state")) for c in status.get("initContainerStatuses") or []]
    if init := [entry for entry in init if _is_telling(entry.get("state") or {})]:
        kept["initContainerStatuses"] = init
    kept["containerStatuses"] = [container for container in containers if container.get("name") == CONTAINER]
    return kept


def _is_relevant(condition: Mapping[str, Any]) -> bool:
    """Whether a condition is read: PodScheduled while it is False, and the final ones while they are True.

    Suspended always: it tells that a Job was ever suspended.
    """
    type_, holds = condition.get("type"), condition.get("status") == "True"
    if type_ == "PodScheduled":
        return not holds
    if type_ == "Suspended":
        return True
    return holds and type_ in ("Complete", "Failed", "DisruptionTarget")


def _is_telling(state: Mapping[str, Any]) -> bool:
    """Whether an init container waits or failed; one that runs or is done says nothing."""
    return "waiting" in state or bool((state.get("terminated") or {}).get("exitCode"))


def _picked(document: Mapping[str, Any], fields: Iterable[str]) -> JSONObject:
    return {
        name: intern(value) if isinstance(value, str) and name in ("namespace", "nodeName", "kind") else value
        for name in fields
        if (value := document.get(name)) is not None
    }
