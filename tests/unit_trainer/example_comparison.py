"""Finished runs of made-up numbers, for tests of comparisons and for looking at one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unit_trainer.example_report import STUDENTS, TASKS, example_curves, example_summary, outcomes

from collectiverun_trainer.comparison.reading import ComparedRun
from collectiverun_trainer.config import Task
from collectiverun_trainer.report.summary import pooled, task_table

EPISODES = 50
SPEC: dict[str, Any] = {
    "seed": 1,
    "storage": {"uri": "file:///storage"},
    "environment": {"horizonEnvSteps": 200, "actionRepeat": 2, "goals": EPISODES, "goalSeed": 0},
    "phases": {
        "experts": {"parallelism": 1, "params": {"discount": 0.99, "hiddenSizes": [256, 256]}},
        "evaluation": {"params": {"videos": True}},
    },
}


def a_run(
    name: str,
    seed: int = 1,
    collective: Sequence[int] = (40, 30, 20),
    tasks: Sequence[Task] = TASKS,
    later: int = 0,
    **fields: Any,
) -> ComparedRun:
    """A run whose collective succeeds so often on each task, at the end five times fewer.

    Its experts always succeed, its curves rise `later` env steps later; `fields`: of its spec, by path.
    """
    experts = {task: outcomes(task, EPISODES, EPISODES) for task in tasks}
    counts = zip(tasks, collective, strict=True)
    ours = {task: outcomes(task, count, max(0, count - 5)) for task, count in counts}
    found = {"experts": experts, "collective": ours, "zero": ours}
    spec = with_fields(seed=seed, tasks=[task.model_dump() for task in tasks], **fields)
    summary = example_summary(tasks)
    summary = summary.model_copy(
        update={
            "run": summary.run.model_copy(update={"name": name}),
            "seed": seed,
            "spec": spec,
            "overall": pooled(found, tasks),
            "tasks": task_table(found, tasks, {}),
            "holdout": (),
            "students": (),
        }
    )
    curves = tuple(
        replace(curve, env_steps=tuple(step + later for step in curve.env_steps))
        for curve in example_curves(tasks)
        if curve.series not in STUDENTS
    )
    root = f"file:///storage/default/{name}-{seed:08x}"
    return ComparedRun(name, root, f"{root}/evaluation/all/attempt-1/a/report.html", summary, curves, {})


def with_fields(**fields: Any) -> dict[str, Any]:
    """The spec with fields set, named by their path with `__` for its dots."""
    spec = copy.deepcopy(SPEC)
    for path, value in fields.items():
        *parents, last = path.split("__")
        holder = spec
        for key in parents:
            holder = holder.setdefault(key, {})
        holder[last] = value
    return spec
