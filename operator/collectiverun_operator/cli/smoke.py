"""`--smoke`: the same run with budgets of seconds, to check that everything fits together. Pure.

Only budgets change, beside the name and a label for the report: tasks, losses, modes and storage stay. A
budget that the file leaves out gets its smoke value; one that is smaller already stays. `examples/` are
tested this way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from collectiverun_operator.api.labels import SMOKE
from collectiverun_operator.api.phases import PHASES

_ENVIRONMENT = {"horizonEnvSteps": 40, "goals": 4}


def with_smoke_budgets(body: dict[str, Any]) -> dict[str, Any]:
    """The run's body with budgets that end within a minute or two, under another name: a run of its own.

    A body too malformed to hold budgets is returned unchanged: the parser reports its faults.
    """
    smoke = deepcopy(body)
    metadata, spec = smoke.get("metadata"), smoke.get("spec")
    if (
        not isinstance(metadata, dict)
        or not isinstance(spec, dict)
        or not isinstance(metadata.get("name"), str)
    ):
        return smoke
    metadata["name"] = f"{metadata['name'][:34]}-smoke"
    if isinstance(metadata.setdefault("labels", {}), dict):
        metadata["labels"][SMOKE] = "true"
    _shrink(spec, "environment", _ENVIRONMENT)
    phases = spec.setdefault("phases", {})
    for phase in (phase for phase in PHASES if "params" in phase.settings.model_fields):
        if isinstance(phases, dict) and isinstance(phases.setdefault(phase.name, {}), dict):
            given, settings = phases[phase.name].get("params"), phase.settings
            named = settings.SMOKE_LIMITS.keys() & (given.keys() if isinstance(given, dict) else ())
            limits = {name: settings.SMOKE_LIMITS[name] for name in named}
            _shrink(phases[phase.name], "params", {**settings.SMOKE_BUDGETS, **limits})
    return smoke


def lowered_budgets(body: Mapping[str, Any], smoke: Mapping[str, Any]) -> Iterator[str]:
    """The budgets of the file that are larger than the smoke run's: a line for each section."""
    yield from _lowered(body.get("spec"), smoke.get("spec"), "spec")


def _lowered(before: object, after: object, path: str) -> Iterator[str]:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    changed = [
        f"{key} {value} → {after[key]}" for key, value in before.items() if _is_less(after[key], value)
    ]
    if changed:
        yield f"{path}: {', '.join(changed)}"
    for key, value in before.items():
        yield from _lowered(value, after[key], f"{path}.{key}")


def _is_less(after: object, before: object) -> bool:
    return isinstance(after, int) and isinstance(before, int) and after < before


def _shrink(parent: dict[str, Any], key: str, budgets: Mapping[str, int]) -> None:
    child = parent.setdefault(key, {})
    if not isinstance(child, dict):
        return
    for name, budget in budgets.items():
        value = child.get(name, budget)
        child[name] = min(value, budget) if isinstance(value, int) else value
