"""The plots of one report: which data each shows, and its description for screen readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from markupsafe import Markup

from collectiverun_trainer.report import plots
from collectiverun_trainer.report.curves import Curve
from collectiverun_trainer.report.reading import EmbeddingMap
from collectiverun_trainer.report.summary import Network, Rate, Score, Summary

Panel = tuple[str, Markup]


class Labels:
    """Task names as printed in the page: without the robot where the run has only one."""

    def __init__(self, summary: Summary) -> None:
        tasks = [row.task for row in (*summary.tasks, *summary.holdout)] + [
            one.task for one in summary.students
        ]
        self._short = {task.name: task.env for task in tasks} if len({t.robot for t in tasks}) == 1 else {}

    def __call__(self, name: str) -> str:
        """The label of the task called `name`."""
        return self._short.get(name, name)


def success(
    summary: Summary, notion: Literal["any_step", "at_end"], networks: Sequence[Network], labels: Labels
) -> Markup:
    """Success of each network on each task, and on all tasks pooled if it was evaluated on all."""
    everywhere = [name for name in networks if all(name in row.scores for row in summary.tasks)]
    rows = [
        plots.IntervalRow(labels(row.task.name), _rates(row.scores, notion, networks))
        for row in summary.tasks
    ]
    if len(rows) > 1:
        rows.append(plots.IntervalRow("All tasks", _rates(summary.overall, notion, everywhere)))
    when = "at any env step" if notion == "any_step" else "at the last env step"
    return Markup(
        plots.intervals(rows, f"Success {when} of {', '.join(networks)} on each task, with 95 % intervals")
    )


def _rates(scores: Mapping[Network, Score], notion: str, networks: Sequence[Network]) -> dict[str, Rate]:
    return {name: getattr(scores[name], notion) for name in networks if name in scores}


def ablation(summary: Summary) -> Markup:
    """Any-step success of the collective with the true, zero and shuffled task embedding."""
    labels: dict[Network, str] = {"collective": "true z", "zero": "z = 0", "shuffled": "z of another task"}
    rows = [
        plots.IntervalRow(label, {name: summary.overall[name].any_step})
        for name, label in labels.items()
        if name in summary.overall
    ]
    return Markup(
        plots.intervals(rows, "Success of the collective with true, zero and shuffled task embedding")
    )


def curve_panels(curves: Sequence[Curve], series: Sequence[str], labels: Labels) -> list[Panel]:
    """One panel per task with the curves of `series` on it, as (title, SVG)."""
    chosen = [curve for name in series for curve in curves if curve.series == name]
    by_task: dict[str | None, list[Curve]] = {}
    for curve in chosen:
        by_task.setdefault(curve.task, []).append(curve)
    titled = {labels(task) if task else "All tasks": own for task, own in by_task.items()}
    return [
        (
            title,
            Markup(plots.learning_curves(own, f"Success of {', '.join(series)} while learning: {title}")),
        )
        for title, own in titled.items()
    ]


def map_and_legend(drawn: EmbeddingMap, labels: Labels) -> tuple[Markup, list[Panel]]:
    """The map of task embeddings, and for its legend the symbol of each task."""
    description = f"Map of task embeddings of {len(drawn.tasks)} tasks"
    symbols = [(labels(name), Markup(plots.task_symbol(i))) for i, name in enumerate(drawn.tasks)]
    return Markup(plots.embedding_map(drawn.points, drawn.task_index, len(drawn.tasks), description)), symbols
