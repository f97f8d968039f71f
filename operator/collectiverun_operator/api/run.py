"""A CollectiveRun as it is read: spec and status typed, or refused with every fault and its field's path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid5

from collectiverun_operator.api.faults import model_faults, unknown_field
from collectiverun_operator.api.spec import Spec
from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.api.status_json import UnreadableStatusError, read_conditions, read_status
from collectiverun_operator.api.validation import consistency_faults, sections_of
from collectiverun_operator.errors import Fault, InvalidRun
from collectiverun_operator.json_types import JSONObject

API_VERSION = "collectiverl.io/v1alpha1"
KIND = "CollectiveRun"
NAME_LIMIT = 40
NAMESPACE_LIMIT = 63
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_TOP_LEVEL = ("apiVersion", "kind", "metadata", "spec", "status")
_LOCAL_RUNS = UUID("6b6a1a4e-0d0c-5f53-9f0e-0c4f7a1f3c55")


@dataclass(frozen=True)
class Platform:
    """Where a run is driven, and what that provides: this machine by default."""

    local: bool = True
    image: str = ""
    # For phases that name no resources, as in a Pod: {"requests": …, "limits": …}.
    resources: Mapping[str, Any] = field(default_factory=dict)
    # What all containers of a run share, such as {"cpu": 2}; empty where others place Pods and know better.
    capacity: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CollectiveRun:
    """One accepted run. `status` is the last one that was written, `labels` the resource's own."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: Spec
    status: RunStatus
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: Platform = Platform()


@dataclass(frozen=True)
class StoredRun:
    """A run as its cluster keeps it: the body, and what it says, read once.

    `run` is None where the spec can't be accepted; then `faults` say why.
    """

    body: JSONObject
    status: RunStatus
    run: CollectiveRun | None = None
    faults: tuple[Fault, ...] = ()

    @classmethod
    def read(cls, body: JSONObject, platform: Platform = Platform()) -> StoredRun:
        """Read a body. Raises UnreadableStatusError if it is a valid run whose status can't be read."""
        try:
            run = parse_run(body, platform)
        except InvalidRun as error:
            return cls(body, _readable_status(body.get("status") or {}), faults=error.faults)
        return cls(body, run.status, run)

    @property
    def generation(self) -> int:
        """metadata.generation, 0 where there is none."""
        return int((self.body.get("metadata") or {}).get("generation", 0))

    @property
    def version(self) -> str:
        """metadata.resourceVersion, empty where there is none."""
        return str((self.body.get("metadata") or {}).get("resourceVersion") or "")

    def updated(self, body: JSONObject, status: RunStatus) -> StoredRun:
        """The same run after its status was written: `body` is the answer, `status` what it says."""
        run = None if self.run is None else replace(self.run, status=status)
        return StoredRun(body, status, run, self.faults)


def _readable_status(document: JSONObject) -> RunStatus:
    """As much of a status as can be read: a rejection writes conditions only."""
    try:
        return read_status(document)
    except UnreadableStatusError:
        return read_conditions(document)


def local_uid(namespace: str, name: str, storage_uri: str) -> str:
    """The uid of a run on this machine: the same whenever namespace, name and storage are the same."""
    return str(uuid5(_LOCAL_RUNS, f"{namespace}/{name}/{storage_uri}"))


def parse_run(body: object, platform: Platform = Platform()) -> CollectiveRun:
    """Type a resource's body.

    Raises InvalidRun with all faults of metadata and spec at once, else UnreadableStatusError.
    """
    if not isinstance(body, dict):
        raise InvalidRun([Fault("", f"a run file holds one mapping, not {type(body).__name__}")])
    spec, faults = _read_spec(body.get("spec"), platform)
    faults = [*_kind_faults(body), *_metadata_faults(body.get("metadata"), platform), *faults]
    if faults or spec is None:
        raise InvalidRun(faults)
    return _build(body, spec, platform)


def _build(body: Mapping[str, Any], spec: Spec, platform: Platform) -> CollectiveRun:
    metadata = body["metadata"]
    namespace, name = metadata.get("namespace", "default"), metadata["name"]
    return CollectiveRun(
        namespace=namespace,
        name=name,
        uid=local_uid(namespace, name, spec.storage.uri) if platform.local else metadata["uid"],
        generation=metadata.get("generation", 1),
        spec=spec,
        status=read_status(body.get("status") or {}),
        labels=metadata.get("labels") or {},
        platform=platform,
    )


def _kind_faults(body: Mapping[str, Any]) -> list[Fault]:
    faults = [Fault(str(key), unknown_field(str(key), _TOP_LEVEL)) for key in body if key not in _TOP_LEVEL]
    for key, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if body.get(key) != expected:
            problem = f"is {body[key]!r}" if key in body else "is missing"
            faults.append(Fault(key, f"{problem}; write {expected}"))
    return faults


def _metadata_faults(metadata: object, platform: Platform) -> list[Fault]:
    if not isinstance(metadata, dict):
        return [Fault("metadata.name", "is required; give the run a name")]
    faults = _name_faults("metadata.name", metadata.get("name"), _NAME, NAME_LIMIT, "a letter")
    namespace = metadata.get("namespace", "default")
    faults += _name_faults("metadata.namespace", namespace, _NAMESPACE, NAMESPACE_LIMIT, "a letter or digit")
    if not isinstance(metadata.get("labels") or {}, dict):
        faults.append(Fault("metadata.labels", "must map names to values"))
    if not platform.local and not metadata.get("uid"):
        faults.append(Fault("metadata.uid", "is missing; the API server sets it, so read the run from there"))
    return faults


def _name_faults(path: str, name: object, pattern: re.Pattern[str], limit: int, first: str) -> list[Fault]:
    if name is None:
        return [Fault(path, "is required; give the run a name")]
    if not isinstance(name, str):
        return [Fault(path, f"must be a string, not {name!r}; put it in quotes")]
    if len(name) > limit:
        shown = f"{name[:limit]}…"
        return [
            Fault(path, f"{shown!r} has {len(name)} characters; at most {limit} fit in the names of its Jobs")
        ]
    if not pattern.fullmatch(name):
        text = f"{name!r} must consist of lower-case letters, digits and '-', begin with {first}"
        return [Fault(path, f"{text} and not end with '-'")]
    return []


def _read_spec(spec: object, platform: Platform) -> tuple[Spec | None, list[Fault]]:
    if not isinstance(spec, dict):
        return None, [Fault("spec", "is required" if spec is None else f"must be a mapping, not {spec!r}")]
    parsed, faults = model_faults(Spec, spec, "spec")
    if any(fault.path == "spec" for fault in faults):
        return None, faults
    faults += consistency_faults(sections_of(spec), local=platform.local)
    if not platform.local and parsed is not None and not (parsed.image or platform.image):
        faults.append(Fault("spec.image", "is required; this installation has no default image"))
    return parsed, faults
