"""Whether what lies in storage was made with the same configuration and inputs: a URI has one use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collectiverun_trainer.config import PHASES, Phase
from collectiverun_trainer.config.phases import earlier_phases
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.order import ArtifactReference, PhaseOrder


def require(ours: Mapping[str, Any], theirs: Mapping[str, Any], uri: str) -> None:
    """Raise InvalidConfiguration if two configurations give one field different values.

    Fields that only one of them has are fine: a newer trainer may know more parameters.
    """
    if told := differences(ours, theirs):
        raise InvalidConfiguration(
            f"{uri} was made with another configuration ({'; '.join(told)}); "
            "use the same, or another memberUri for a new one."
        )


def require_inputs(order: PhaseOrder, parents: Mapping[Phase, Any], uri: str) -> None:
    """Raise InvalidConfiguration if an order names other inputs than those that an artifact was made from.

    Inputs that the phase does not read do not matter; an optional one it would read now.
    """
    ours = order.inputs
    read = [
        phase
        for phase in earlier_phases(order.phase)
        if parents.get(phase) or (PHASES[phase].optional and ours.get(phase))
    ]
    told = [
        difference
        for phase in read
        for difference in _input_differences(phase, ours.get(phase, ()), parents.get(phase, ()))
    ]
    if told:
        raise InvalidConfiguration(
            f"{uri} is already published and was made from other inputs ({'; '.join(told)}); "
            "name the same, or another memberUri for a new one."
        )


def _input_differences(phase: Phase, ours: Sequence[ArtifactReference], theirs: Any) -> Iterator[str]:
    """Members in their order: it is part of what the phase computed."""
    now = [(reference.member, reference.uri, reference.manifest_sha256) for reference in ours]
    was = [(parent["member"], parent["uri"], parent["manifestSha256"]) for parent in theirs]
    if len(now) != len(was):
        yield f"{phase}: now {_count(len(now))}, was {_count(len(was))}"
        return
    for (member, uri, digest), (old_member, old_uri, old_digest) in zip(now, was, strict=True):
        if (member, uri.rstrip("/")) != (old_member, old_uri.rstrip("/")):
            yield f"{phase}: {member} is now {uri}, was {old_member} {old_uri}"
        elif digest not in (None, old_digest):
            yield f"{phase}: {member} has now manifestSha256 {digest}, had {old_digest}"


def _count(artifacts: int) -> str:
    return f"{artifacts or 'no'} artifact{'' if artifacts == 1 else 's'}"


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Each field that both have, with different values: `params.discount is now 0.9, was 0.99`."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        shared = sorted(ours.keys() & theirs.keys())
        return [
            difference
            for key in shared
            for difference in differences(ours[key], theirs[key], f"{path}.{key}")
        ]
    return [] if ours == theirs else [f"{path.removeprefix('.')} is now {ours!r}, was {theirs!r}"]
