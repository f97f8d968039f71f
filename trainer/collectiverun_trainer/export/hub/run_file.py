"""The run's configuration as a run file, without anything that is of a machine or of a person."""

from __future__ import annotations

from typing import Any, Final

import yaml

from collectiverun_trainer.artifacts.robot_files import file_name
from collectiverun_trainer.config import EnvironmentParams, Model
from collectiverun_trainer.environments.robots.model_files import MODEL
from collectiverun_trainer.report.summary import Summary

_PHASE: Final = ("enabled", "params")


def run_file(summary: Summary) -> str:
    """A run file that trains the same again: where it is stored and what carries it out are the reader's.

    Arms that the run brought along lie beside it, as `write_arms` writes them.
    """
    phases = {
        name: {key: phase[key] for key in _PHASE if key in phase}
        for name, phase in summary.spec.get("phases", {}).items()
    }
    arms = [
        {"name": robot, "path": f"./{file_name(robot, MODEL)}"} for robot in summary.environment.robot_models
    ]
    unseen = [row.task for row in summary.holdout]
    document: dict[str, Any] = {
        "apiVersion": "collectiverl.io/v1alpha1",
        "kind": "CollectiveRun",
        "metadata": {"name": summary.run.name},
        "spec": {
            "seed": summary.seed,
            "tasks": [_json(row.task) for row in summary.tasks]
            + [_json(task) | {"holdout": True} for task in unseen],
            **({"robotModels": arms} if arms else {}),
            "environment": _json(summary.environment, include=set(EnvironmentParams.model_fields)),
            "storage": {"uri": "file://./runs"},
            "phases": phases,
        },
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _json(model: Model, include: set[str] | None = None) -> dict[str, Any]:
    return model.model_dump(by_alias=True, mode="json", include=include)
