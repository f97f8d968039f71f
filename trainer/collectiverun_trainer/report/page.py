"""The report as one HTML page that needs nothing else: style, plots and videos are all inside it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from collectiverun_trainer.config import PHASE_NAMES, Task
from collectiverun_trainer.config.phases import title
from collectiverun_trainer.report.curves import Curve
from collectiverun_trainer.report.headline import ablation_sentence, bounds, is_scripted, students_sentence
from collectiverun_trainer.report.panels import (
    Labels,
    ablation,
    curve_panels,
    map_and_legend,
    success,
)
from collectiverun_trainer.report.reading import EmbeddingMap
from collectiverun_trainer.report.summary import Network, Rate, Summary
from collectiverun_trainer.report.templating import environment
from collectiverun_trainer.report.video import MEDIA_TYPE, Video

SHOWN: tuple[Network, ...] = ("experts", "collective", "students", "controls")


@dataclass(frozen=True)
class VideoPanel:
    """A video of the collective, and how the same goal ended in its evaluation."""

    task: Task
    video: Video
    goal: int
    succeeded_at_any_step: bool
    succeeded_at_end: bool


@dataclass(frozen=True)
class Report:
    """All a page shows."""

    summary: Summary
    curves: Sequence[Curve] = ()
    embedding_map: EmbeddingMap | None = None
    videos: Sequence[VideoPanel] = ()


def render(report: Report) -> str:
    """The whole page as text."""
    summary, labels = report.summary, Labels(report.summary)
    templates = environment("collectiverun_trainer.report")
    templates.filters |= {"interval": _interval, "count": _count, "label": labels}
    return templates.get_template("report.html.jinja").render(
        summary=summary,
        names=_names(summary),
        phase_titles={phase: title(phase) for phase in PHASE_NAMES},
        robots=sorted({row.task.robot for row in (*summary.tasks, *summary.holdout)}),
        rows=_shown(summary.overall),
        unseen_rows=_shown({name for row in summary.holdout for name in row.scores}),
        unseen=[row.task for row in summary.holdout],
        task_counts={name: sum(name in row.scores for row in summary.tasks) for name in SHOWN},
        plots=_plots(report, labels),
        videos=[
            (panel, _data_uri(panel.video.animation), _data_uri(panel.video.poster))
            for panel in report.videos
        ],
        sentences=_sentences(summary),
        spec=json.dumps(summary.spec, indent=2, ensure_ascii=False),
    )


def _names(summary: Summary) -> dict[Network, str]:
    return {
        "experts": "Scripted policies" if is_scripted(summary) else "Experts",
        "collective": "Collective",
        "students": "Students",
        "controls": "Controls",
    }


def _shown(present: Collection[Network]) -> list[Network]:
    return [name for name in SHOWN if name in present]


def _sentences(summary: Summary) -> dict[str, str]:
    """The sentences that judge what a section shows; of a smoke run none."""
    overall, sentences = summary.overall, {"ablation": "", "students": ""}
    if summary.smoke:
        return sentences
    if "zero" in overall:
        sentences["ablation"] = ablation_sentence(
            overall["collective"], overall["zero"], overall.get("shuffled")
        )
    if summary.students:
        sentences["students"] = students_sentence(summary.students)
    return sentences


def _plots(report: Report, labels: Labels) -> dict[str, Any]:
    """Every plot by its place in the page; None where there is no data for it."""
    summary, drawn = report.summary, report.embedding_map
    networks: list[Network] = [name for name in _shown(summary.overall) if name != "controls"]
    return {
        "any_step": success(summary, "any_step", networks, labels),
        "at_end": success(summary, "at_end", networks, labels),
        "ablation": ablation(summary) if "zero" in summary.overall else None,
        "experts": curve_panels(report.curves, ("experts",), labels),
        "collective": curve_panels(report.curves, ("collective",), labels),
        "students": curve_panels(report.curves, ("controls", "students"), labels),
        "map": map_and_legend(drawn, labels) if drawn is not None else None,
    }


def _data_uri(content: bytes) -> str:
    return f"data:{MEDIA_TYPE};base64,{b64encode(content).decode()}"


def _interval(rate: Rate) -> str:
    return bounds(rate.low, rate.high)


def _count(number: int) -> str:
    """`1234567` → `1 234 567`, with spaces that do not break."""
    return f"{number:,}".replace(",", "\u202f")
