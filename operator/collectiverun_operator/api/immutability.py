"""Which fields of a spec may change once its run has begun, and whether any other did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from collectiverun_operator.api.spec import Spec

MUTABLE = ("suspend", "retryToken", "image", "runPolicy", "podTemplate")
MUTABLE_IN_PHASES = ("resources", "podTemplate", "parallelism")


def spec_hash(spec: Spec) -> str:
    """Digest of the immutable fields that are not at their defaults: those a new version adds don't count."""
    document = json.dumps(_immutable_part(spec, exclude_defaults=True), sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:16]


def changed_fields(before: Spec, after: Spec) -> list[tuple[str, Any]]:
    """Immutable fields in which two specs differ: path, such as `spec.seed`, and the value before."""
    old, new = (_immutable_part(spec, exclude_defaults=False) for spec in (before, after))
    return list(_differences(old, new, "spec"))


def _immutable_part(spec: Spec, *, exclude_defaults: bool) -> dict[str, Any]:
    document = spec.model_dump(mode="json", by_alias=True, exclude_defaults=exclude_defaults)
    for field in MUTABLE:
        document.pop(field, None)
    phases = document.pop("phases", {})
    immutable = {name: _without(phase, MUTABLE_IN_PHASES) for name, phase in phases.items()}
    # A phase with nothing but mutable fields counts as one that is left out.
    return document | {"phases": {name: phase for name, phase in immutable.items() if phase}}


def _without(document: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in fields}


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}")
    elif before != after:
        yield path, before
