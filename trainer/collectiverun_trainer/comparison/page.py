"""A comparison as one HTML page that needs nothing else, in the style of a run's report."""

from __future__ import annotations

import json
from typing import Any

from collectiverun_trainer.comparison.document import Comparison, PhaseHours, TaskScores
from collectiverun_trainer.comparison.panels import aggregates, colours, curve_panels, improvements
from collectiverun_trainer.comparison.sentences import NAMES, with_interval
from collectiverun_trainer.config.phases import title
from collectiverun_trainer.report.templating import environment, link


def render(comparison: Comparison, folder: str) -> str:
    """The page as text; `folder`: URI of where it will lie, for links to the reports."""
    templates = environment("collectiverun_trainer.comparison")
    templates.filters |= {"interval": with_interval, "value": _value}
    templates.filters["link"] = lambda uri: link(uri, folder)
    return templates.get_template("comparison.html.jinja").render(
        comparison=comparison,
        colours=colours(comparison),
        names=NAMES,
        aggregates=aggregates(comparison),
        improvements=improvements(comparison),
        curves=curve_panels(comparison),
        tables=_tables(comparison),
        costs=_costs(comparison),
        phase_title=title,
    )


def _tables(comparison: Comparison) -> dict[str, list[TaskScores]]:
    """The rows of each network's table, by its name for people."""
    tables: dict[str, list[TaskScores]] = {}
    for row in comparison.success:
        tables.setdefault(NAMES[row.network], []).append(row)
    return tables


def _costs(comparison: Comparison) -> dict[str, dict[str, PhaseHours]]:
    """By phase and label of the run."""
    found: dict[str, dict[str, PhaseHours]] = {}
    for cost in comparison.costs:
        found.setdefault(cost.phase, {})[cost.run] = cost
    return found


def _value(value: Any) -> str:
    """A value of a spec as a person writes it in a run file; tasks by their names."""
    if value is None:
        return "not set"
    if isinstance(value, list) and value and all(isinstance(one, dict) and "env" in one for one in value):
        return ", ".join(_task(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _task(task: dict[str, Any]) -> str:
    name = "-".join(str(task[key]) for key in ("env", "robot") if task.get(key))
    return f"{name} (holdout)" if task.get("holdout") else name
