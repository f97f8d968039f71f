"""The run's configuration as a run file, without anything that is of a machine or of a person."""

from __future__ import annotations

from typing import Any, Final

import yaml

from collectiverun_trainer.config import Model
from collectiverun_trainer.report.summary import Summary

_PHASE: Final = ("enabled", "params")


def run_file(summary: Summary) -> str:
    """A run file that trains the same again: where it is stored and what carries it out are the reader's."""
    phases = {
        name: {key: phase[key] for key in _PHASE if key in phase}
        for name, phase in summary.spec.get("phases", {}).items()
    }
    unseen = [row.task for row in summary.holdout]
    document: dict[str, Any] = {
        "apiVersion": "collectiverl.io/v1alpha1",
        "kind": "CollectiveRun",
        "metadata": {"name": summary.run.name},
        "spec": {
            "seed": summary.seed,
            "tasks": [_json(row.task) for row in summary.tasks]
            + [_json(task) | {"holdout": True} for task in unseen],
            "environment": _json(summary.environment),
            "storage": {"uri": "file://./runs"},
            "phases": phases,
        },
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _json(model: Model) -> dict[str, Any]:
    return model.model_dump(by_alias=True, mode="json")
