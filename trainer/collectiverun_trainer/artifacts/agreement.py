"""Whether what lies in storage was made with the same configuration: a member's URI has one use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectiverun_trainer.errors import InvalidConfiguration


def require(ours: Mapping[str, Any], theirs: Mapping[str, Any], uri: str) -> None:
    """Raise InvalidConfiguration if two configurations give one field different values.

    Fields that only one of them has are fine: a newer trainer may know more parameters.
    """
    if found := _differences(ours, theirs, ""):
        raise InvalidConfiguration(
            f"{uri} was made with another configuration ({'; '.join(found)}); "
            "use the same, or another memberUri for a new one."
        )


def _differences(ours: Any, theirs: Any, path: str) -> list[str]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        shared = sorted(ours.keys() & theirs.keys())
        return [found for key in shared for found in _differences(ours[key], theirs[key], f"{path}.{key}")]
    return [] if ours == theirs else [f"{path.removeprefix('.')} is now {ours!r}, was {theirs!r}"]
