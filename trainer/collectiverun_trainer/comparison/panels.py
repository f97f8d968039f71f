"""The plots of a comparison: a colour for each configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import matplotlib
from markupsafe import Markup

from collectiverun_trainer.comparison.document import Comparison, Estimate, MeanCurve, Notion
from collectiverun_trainer.comparison.sentences import NAMES
from collectiverun_trainer.report import plots

Panel = tuple[str, Markup]
_SERIES = {
    "experts": "Experts",
    "collective": "Collective",
    "students": "Students",
    "controls": "Controls of the students",
}
_NOTIONS: dict[Notion, str] = {"any_step": "at any step", "at_end": "at the end"}


@dataclass(frozen=True)
class _Spread:
    """An estimate as it is drawn: without an interval as a dot."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, estimate: Estimate) -> _Spread:
        ends = (estimate.value if end is None else end for end in (estimate.low, estimate.high))
        return cls(estimate.value, *ends)


def colours(comparison: Comparison) -> dict[str, str]:
    """Name of the colour of each configuration; after ten they repeat."""
    return {
        one.name: f"task-{index % plots.TASK_COLOURS}" for index, one in enumerate(comparison.configurations)
    }


def aggregates(comparison: Comparison) -> list[Panel]:
    """Mean and interquartile mean of every network, for both notions of success."""
    figures: dict[str, Literal["mean", "iqm"]] = {"Mean": "mean", "IQM": "iqm"}
    return [
        (f"{words} {when}", _intervals(comparison, notion, figure, f"{words} of success {when}"))
        for notion, when in _NOTIONS.items()
        for words, figure in figures.items()
    ]


def improvements(comparison: Comparison) -> list[Panel]:
    """How likely each configuration beats the first; none where there is but one."""
    if not comparison.improvement:
        return []
    shades, found = colours(comparison), []
    for notion, when in _NOTIONS.items():
        rows: dict[str, dict[str, plots.Interval]] = {}
        for one in comparison.improvement:
            if one.notion == notion:
                own = rows.setdefault(NAMES[one.network], {})
                own[shades[one.configuration]] = _Spread.of(one.probability)
        found.append((f"Success {when}", _drawn(rows, f"Probability of improvement of success {when}")))
    return found


def curve_panels(comparison: Comparison) -> dict[str, list[Panel]]:
    """By the title of a series: the curves over all tasks, then those of each task."""
    by_place: dict[tuple[str, str], list[MeanCurve]] = {}
    for curve in comparison.curves:
        place = _SERIES[curve.series], curve.task or "All shared tasks"
        by_place.setdefault(place, []).append(curve)
    panels: dict[str, list[Panel]] = {}
    for (series, task), own in by_place.items():
        drawn = _curves(own, colours(comparison), f"{series} while learning: {task}")
        panels.setdefault(series, []).append((task, drawn))
    return panels


def _intervals(
    comparison: Comparison, notion: Notion, figure: Literal["mean", "iqm"], description: str
) -> Markup:
    shades = colours(comparison)
    rows: dict[str, dict[str, plots.Interval]] = {}
    for one in comparison.overall:
        if one.notion == notion:
            own = rows.setdefault(NAMES[one.network], {})
            own[shades[one.configuration]] = _Spread.of(getattr(one, figure))
    return _drawn(rows, description)


def _drawn(rows: dict[str, dict[str, plots.Interval]], description: str) -> Markup:
    lines = [plots.IntervalRow(label, rates) for label, rates in rows.items()]
    return Markup(plots.intervals(lines, f"{description}, with 95 % intervals"))


def _curves(curves: Sequence[MeanCurve], shades: dict[str, str], description: str) -> Markup:
    """Means as lines, their intervals as bands."""
    with matplotlib.rc_context(plots.STYLE):
        drawing, axes = plots.figure(280.0, 172.0, left=40.0, bottom=36.0, top=8.0, right=12.0)
        for curve in curves:
            shade = plots.colour(shades[curve.configuration])
            if curve.low is not None and curve.high is not None:
                axes.fill_between(
                    curve.env_steps, curve.low, curve.high, color=shade, alpha=0.18, linewidth=0
                )
            marker = "o" if len(curve.env_steps) <= 25 else ""
            axes.plot(curve.env_steps, curve.mean, color=shade, linewidth=2.0, marker=marker, markersize=3.5)
        plots.scale_curves(axes)
        return Markup(plots.svg(drawing, description))
