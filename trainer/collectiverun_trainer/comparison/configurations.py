"""Which runs are seeds of one configuration, and what differs between specs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Final

from collectiverun_trainer.comparison.document import Difference
from collectiverun_trainer.comparison.reading import ComparedRun
from collectiverun_trainer.config import PARAMS

_SEED: Final = "spec.seed"
# Where and how a run is carried out: what is learned is up to the rest.
_CARRIED_OUT: Final = ("suspend", "retryToken", "image", "storage", "runPolicy")
_CARRIED_OUT_OF_A_PHASE: Final = ("resources", "parallelism", "tasksPerJob", "from")


@dataclass(frozen=True)
class Group:
    """Runs whose specs differ in the seed alone, and in what does not matter to what is learned."""

    name: str
    runs: tuple[ComparedRun, ...]


def grouped(runs: Sequence[ComparedRun]) -> list[Group]:
    """The runs by configuration, which are called A, B, … in the order in which they come first."""
    found: dict[str, list[ComparedRun]] = {}
    for run in runs:
        fields = {path: value for path, value in _fields(_document(run)) if _makes_configurations(path)}
        found.setdefault(json.dumps([run.summary.smoke, fields], sort_keys=True), []).append(run)
    return [Group(_name(index), tuple(own)) for index, own in enumerate(found.values())]


def differences(groups: Sequence[Group]) -> tuple[Difference, ...]:
    """Every field whose value is not the same in all runs but the seed, those that matter first."""
    fields = {run.label: dict(_fields(_document(run))) for group in groups for run in group.runs}
    paths = dict.fromkeys(path for own in fields.values() for path in own)
    found = []
    for path in paths:
        values = {
            group.name: _distinct([fields[run.label].get(path) for run in group.runs]) for group in groups
        }
        if path != _SEED and len(_distinct([value for own in values.values() for value in own])) > 1:
            found.append(
                Difference(field=path, makes_configurations=_makes_configurations(path), values=values)
            )
    return tuple(sorted(found, key=lambda difference: not difference.makes_configurations))


def _document(run: ComparedRun) -> Mapping[str, Any]:
    """The spec, with the digests of the robots that the run brought along in place of where they lay.

    What an older version's spec does not say of environment and parameters was as it is by default today.
    """
    environment = run.summary.environment.model_dump(by_alias=True, mode="json", exclude={"robot_models"})
    spec = {name: value for name, value in run.spec.items() if name != "robotModels"}
    phases = {name: _phase(name, phase) for name, phase in spec.get("phases", {}).items()}
    models = run.summary.environment.robot_models
    return (
        spec
        | {"environment": environment | spec.get("environment", {})}
        | ({"phases": phases} if phases else {})
        | ({"robotModels": models} if models else {})
    )


def _phase(name: str, phase: Mapping[str, Any]) -> Mapping[str, Any]:
    if name not in PARAMS or "params" not in phase:
        return phase
    defaults = PARAMS[name]().model_dump(by_alias=True, mode="json")
    return {**phase, "params": defaults | phase["params"]}


def _fields(spec: Mapping[str, Any], path: str = "spec") -> Iterator[tuple[str, Any]]:
    """Path and value of every field that holds no further fields; a list is one value."""
    for name, value in spec.items():
        if isinstance(value, Mapping) and value:
            yield from _fields(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}", value


def _makes_configurations(path: str) -> bool:
    _, section, *rest = path.split(".")
    if section == "phases":
        return len(rest) < 2 or rest[1] not in _CARRIED_OUT_OF_A_PHASE
    return path != _SEED and section not in _CARRIED_OUT


def _distinct(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple({json.dumps(value, sort_keys=True): value for value in values}.values())


def _name(index: int) -> str:
    return ascii_uppercase[index] if index < len(ascii_uppercase) else f"Z{index - len(ascii_uppercase) + 1}"
