"""The smoke overlay: the same run with budgets of seconds, to see that everything fits together. Pure.

Only budgets change, never a choice: tasks, losses, modes and storage stay. A budget the file leaves out is
written with its smoke value; one that is smaller already stays. `examples/` are tested through it.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

_ENVIRONMENT = {"horizonEnvSteps": 40, "goals": 4}
_SAC = {
    "batchSize": 16,
    "randomEnvSteps": 80,
    "totalEnvSteps": 400,
    "evaluationEveryEnvSteps": 200,
    "selectionEpisodes": 2,
    "checkpointEveryEnvSteps": 200,
}
_PARAMS: dict[str, dict[str, int]] = {
    "experts": {**_SAC, "distillEpisodes": 8, "policyEpisodes": 4},
    "trajectoryTransformer": {
        "gradientSteps": 20,
        "evaluationEveryGradientSteps": 10,
        "checkpointEveryGradientSteps": 10,
        "batchSize": 8,
    },
    "onlineDistillation": {
        "envStepsPerTask": 400,
        "environmentsPerTask": 2,
        "gradientStepsPerDecision": 2,
        "batchSize": 32,
        "selectionEpisodes": 2,
        "evaluationEveryEnvSteps": 200,
        "checkpointEveryEnvSteps": 200,
    },
    "refinement": {
        "gradientSteps": 40,
        "batchSize": 32,
        "selectionEpisodes": 2,
        "evaluationEveryGradientSteps": 20,
        "checkpointEveryGradientSteps": 20,
    },
    "students": {**_SAC, "decayEnvSteps": 200},
    "evaluation": {"videoSize": 64},
}


def with_smoke_budgets(body: dict[str, Any]) -> dict[str, Any]:
    """The run's body with budgets that end within a minute or two, under another name: its own record.

    A body too malformed to carry budgets is returned unchanged: its faults are the parser's to tell.
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
    _shrink(spec, "environment", _ENVIRONMENT)
    phases = spec.setdefault("phases", {})
    for phase, budgets in _PARAMS.items():
        if isinstance(phases, dict) and isinstance(phases.setdefault(phase, {}), dict):
            _shrink(phases[phase], "params", budgets)
    return smoke


def _shrink(parent: dict[str, Any], key: str, budgets: dict[str, int]) -> None:
    child = parent.setdefault(key, {})
    if not isinstance(child, dict):
        return
    for name, budget in budgets.items():
        given = child.get(name, budget)
        child[name] = min(given, budget) if isinstance(given, int) else given
