"""Plots as SVG text that takes its colours from the page, so that one plot serves both themes.

Matplotlib draws with placeholder colours; each is then replaced by a CSS variable of `report.css`. Text stays
text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any, Protocol

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from collectiverun_trainer.report.curves import Curve

TASK_COLOURS = 10
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
_NAMES = [
    "ink",
    "muted",
    "grid",
    "surface",
    "experts",
    "collective",
    "students",
    "controls",
    "zero",
    "shuffled",
] + [f"task-{i}" for i in range(TASK_COLOURS)]
# An unlikely colour is the placeholder of each CSS variable until the SVG is written.
_PLACEHOLDERS = {name: f"#0{i:02x}a5f" for i, name in enumerate(_NAMES, start=16)}
# Points between two dots of one row of an interval plot, and between two rows.
_LINE, _GAP = 12.0, 13.0
_CHARACTER = 5.5  # points a character of a label takes in a wide font
STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": _PLACEHOLDERS["muted"],
    "axes.linewidth": 0.8,
    "axes.labelcolor": _PLACEHOLDERS["muted"],
    "axes.axisbelow": True,
    "grid.color": _PLACEHOLDERS["grid"],
    "grid.linewidth": 0.8,
    "text.color": _PLACEHOLDERS["ink"],
    "xtick.color": _PLACEHOLDERS["muted"],
    "ytick.color": _PLACEHOLDERS["muted"],
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "lines.solid_capstyle": "round",
}


def colour(name: str) -> str:
    """The placeholder of a CSS variable of the page."""
    return _PLACEHOLDERS[name]


class Interval(Protocol):
    """A rate and the ends of its interval, all 0..1."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


@dataclass(frozen=True)
class IntervalRow:
    """One line of an interval plot: a label and the rates on it, by the colour they are drawn in."""

    label: str
    rates: Mapping[str, Interval]


def intervals(rows: Sequence[IntervalRow], description: str) -> str:
    """Success rates as dots with their 95 % intervals as lines, one row per label, from 0 to 100 %."""
    with matplotlib.rc_context(STYLE):
        height = 30.0 + sum(_GAP + _LINE * len(row.rates) for row in rows)
        left = 14.0 + _CHARACTER * max(len(row.label) for row in rows)
        drawing, axes = figure(330.0, height, left=left, bottom=24.0, top=6.0, right=18.0)
        _draw_intervals(axes, rows)
        return svg(drawing, description)


def _draw_intervals(axes: Axes, rows: Sequence[IntervalRow]) -> None:
    position, ticks = 0.0, []
    for row in rows:
        ticks.append(position + (len(row.rates) - 1) * _LINE / 2)
        for name, rate in row.rates.items():
            shade = colour(name)
            axes.plot(
                [rate.low, rate.high], [position] * 2, color=shade, linewidth=2.4, alpha=0.45, clip_on=False
            )
            dot: dict[str, Any] = {"markersize": 7.0, "markeredgecolor": colour("surface"), "clip_on": False}
            axes.plot([rate.value], [position], "o", color=shade, **dot)
            position += _LINE
        position += _GAP
    axes.set(xlim=(0.0, 1.0), ylim=(position - _LINE, -_GAP), yticks=ticks)
    axes.set_yticklabels([row.label for row in rows], color=colour("ink"))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0, symbol="\u202f%"))
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
    axes.grid(axis="x")
    axes.spines["bottom"].set_visible(False)


def learning_curves(curves: Sequence[Curve], description: str) -> str:
    """Any-step success as a full line, at-end success as a thin dashed one, in the colour of the series."""
    with matplotlib.rc_context(STYLE):
        drawing, axes = figure(280.0, 172.0, left=40.0, bottom=36.0, top=8.0, right=12.0)
        for curve in curves:
            _draw_curve(axes, curve)
        scale_curves(axes)
        return svg(drawing, description)


def scale_curves(axes: Axes) -> None:
    """Scales of learning curves: success from 0 to 100 %, env steps from 0."""
    axes.set(ylim=(-0.02, 1.04), yticks=[0.0, 0.25, 0.5, 0.75, 1.0], xlabel="env steps a task")
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, 0, symbol="\u202f%"))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.grid(axis="y")


def _draw_curve(axes: Axes, curve: Curve) -> None:
    shade = colour(curve.series)
    marker = "o" if len(curve.env_steps) <= 25 else ""
    axes.plot(curve.env_steps, curve.at_end, color=shade, linewidth=1.2, linestyle=(0, (3, 2)), alpha=0.8)
    axes.plot(curve.env_steps, curve.any_step, color=shade, linewidth=2.0, marker=marker, markersize=3.5)


def embedding_map(
    points: NDArray[np.float32], task_index: NDArray[np.int64], tasks: int, description: str
) -> str:
    """Task embeddings in two dimensions: points (n, 2), a colour and marker per task; no units."""
    with matplotlib.rc_context(STYLE):
        drawing, axes = figure(480.0, 400.0, left=6.0, bottom=6.0, top=6.0, right=6.0)
        for index in range(tasks):
            own = points[task_index == index]
            axes.plot(
                own[:, 0],
                own[:, 1],
                linestyle="",
                alpha=0.55,
                markeredgewidth=0.0,
                markersize=5.0,
                **task_style(index),
            )
        axes.set(xticks=[], yticks=[])
        axes.spines[["bottom"]].set_visible(False)
        axes.margins(0.04)
        return svg(drawing, description)


def task_style(index: int) -> dict[str, Any]:
    """Colour and marker of the n-th task: a hundred distinct pairs."""
    marker = MARKERS[(index + index // TASK_COLOURS) % len(MARKERS)]
    return {"color": colour(f"task-{index % TASK_COLOURS}"), "marker": marker}


def task_symbol(index: int) -> str:
    """The marker of the n-th task alone, for a legend in the page."""
    with matplotlib.rc_context(STYLE):
        drawing, axes = figure(12.0, 12.0, left=0.0, bottom=0.0, top=0.0, right=0.0)
        axes.set_axis_off()
        axes.plot(
            [0.5],
            [0.5],
            linestyle="",
            markersize=8.0,
            markeredgewidth=0.0,
            clip_on=False,
            **task_style(index),
        )
        axes.set(xlim=(0, 1), ylim=(0, 1))
        return svg(drawing, "")


def figure(
    width: float, height: float, *, left: float, bottom: float, top: float, right: float
) -> tuple[Figure, Axes]:
    """A figure of `width` × `height` points with one axes inside the given margins, also in points."""
    drawing = Figure(figsize=(width / 72, height / 72))
    box = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    return drawing, drawing.add_axes(box)


def svg(drawing: Figure, description: str) -> str:
    """The figure as an `<svg>` element: no prologue, no metadata, no ids but those referred to."""
    target = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.hashsalt": description}):
        drawing.savefig(target, format="svg", transparent=True, metadata=nothing)
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", text)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    for name, placeholder in _PLACEHOLDERS.items():
        text = text.replace(placeholder, f"var(--{name})")
    label = f'role="img" aria-label="{escape(description)}"' if description else 'aria-hidden="true"'
    return text.replace("<svg", f"<svg {label}", 1).strip()
